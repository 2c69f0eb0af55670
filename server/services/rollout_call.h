// One rollout request, from its bytes to its reply.
#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_CALL_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <optional>

#include "server/batching/rollout_task.h"
#include "server/metrics/server_metrics.h"
#include "server/services/call_environment.h"
#include "server/services/hand_over.h"
#include "server/services/rollout_codec.h"

namespace rollout {

// Decodes and queues on gRPC's thread, which it never blocks for longer than a tiny rollout takes
// (Batcher::Submit), or, where it is large, on that of LargeRequests; finishes there or on a thread
// of the engine. Owns the query, the answer's memory and the handle that pins the version. Deletes
// itself when gRPC is done with it.
class RolloutCall final : public grpc::ServerUnaryReactor {
 public:
  // `codec` and `method` outlive the call.
  static grpc::ServerUnaryReactor* Start(const CallEnvironment& environment,
                                         const RolloutCodec* codec, ServerMetrics::Method* method,
                                         grpc::CallbackServerContext* context,
                                         const grpc::ByteBuffer* request, grpc::ByteBuffer* reply);

 private:
  RolloutCall(const CallEnvironment& environment, const RolloutCodec* codec,
              ServerMetrics::Method* method, grpc::CallbackServerContext* context,
              grpc::ByteBuffer* reply);

  void Admit(const grpc::ByteBuffer& request);
  void Queue(const grpc::ByteBuffer& request);
  void Computed(const absl::Status& status);
  // What was not understood.
  void Refuse(const absl::Status& status, RequestNames names = {});
  void OnCancel() override;
  void OnDone() override;
  // Neither blocks, so gRPC need not hand them to another thread, which took a quarter of a small
  // call's time. gRPC documents this for its own reactors; where a version does not know it, the
  // only loss is that time.
  bool InternalInlineable() override { return true; }

  const CallEnvironment environment_;
  const RolloutCodec* const codec_;
  ServerMetrics::Method* const method_;
  grpc::CallbackServerContext* const context_;
  grpc::ByteBuffer* const reply_;
  const absl::Time arrived_;

  bool admitted_ = false;
  DecodedRollout decoded_;
  std::optional<RolloutAnswer> answer_;
  RolloutTask task_;
  HandOver submitted_;  // to OnCancel
  HandOver finished_;   // to OnDone
  HandOver cancelled_;  // to OnDone
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_CALL_H_
