#ifndef ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_
#define ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_

#include <grpcpp/security/auth_metadata_processor.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "server/metrics/server_metrics.h"
#include "server/recording/access_log.h"
#include "server/security/access_file.h"

namespace rollout {

// Asks of every call on a port whether its credential may do it, before any service sees the call:
// a method that is added later cannot be forgotten. Owned by the port's credentials; gRPC's
// threads. What it is given outlives it.
class CallAuthorizer final : public grpc::AuthMetadataProcessor {
 public:
  // `access_log`: null = none is written.
  CallAuthorizer(const AccessFile* access, ServerMetrics* metrics, AccessLog* access_log)
      : access_(access), metrics_(metrics), access_log_(access_log) {}

  // It only computes: no other thread is needed.
  bool IsBlocking() const override { return false; }

  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  void LogRefusal(const absl::Status& refusal, absl::string_view path);
  void WriteDown(const absl::Status& refusal, const InputMetadata& metadata,
                 absl::string_view path) const;

  const AccessFile* const access_;
  ServerMetrics* const metrics_;
  AccessLog* const access_log_;
  std::atomic<int64_t> refused_{0};
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SECURITY_CALL_AUTHORIZER_H_
