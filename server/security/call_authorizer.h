#ifndef ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_
#define ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_

#include <grpcpp/security/auth_metadata_processor.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/metrics/server_metrics.h"
#include "server/security/access_file.h"

namespace rollout {

// Asks of every call on a port whether its credential may do it, before any service sees the call:
// a method that is added later cannot be forgotten. Owned by the port's credentials; gRPC's
// threads. The access file and the metrics outlive it.
class CallAuthorizer final : public grpc::AuthMetadataProcessor {
 public:
  CallAuthorizer(const AccessFile* access, ServerMetrics* metrics)
      : access_(access), metrics_(metrics) {}

  // It only computes: no other thread is needed.
  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  void LogRefusal(const absl::Status& refusal, absl::string_view path);

  const AccessFile* const access_;
  ServerMetrics* const metrics_;
  std::atomic<int64_t> refused_{0};
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_
