// One request for work that an engine does by itself: gradients and linearisations.
#ifndef ROLLOUT_SERVER_SERVICES_ALONE_CALL_H_
#define ROLLOUT_SERVER_SERVICES_ALONE_CALL_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "server/batching/rollout_task.h"
#include "server/metrics/server_metrics.h"
#include "server/services/call_environment.h"
#include "server/services/hand_over.h"
#include "server/services/rollout_codec.h"

namespace rollout {

// What a request asks for, understood and checked. Owned by the call; the version's handle keeps
// the engine.
class AloneWork {
 public:
  virtual ~AloneWork() = default;
  virtual Servable& servable() = 0;
  virtual int64_t lanes() const = 0;
  virtual int64_t horizon() const = 0;
  virtual int64_t num_bytes() const = 0;  // of memory until the reply has left
  // On the engine's thread. What is computed once `cancelled` is set does not matter.
  virtual absl::Status Compute(Engine& engine, const std::atomic<bool>& cancelled) = 0;
  // After an OK from Compute: fills the reply.
  virtual void WriteReply() = 0;
};

// Queues its work with the version's rollouts, in turns of clients; the engine does it when no lane
// is under way. Never blocks gRPC's threads. Deletes itself when gRPC is done with it.
class AloneCall final : public grpc::ServerUnaryReactor {
 public:
  using MakeWork = std::function<absl::StatusOr<std::unique_ptr<AloneWork>>()>;
  // `make` is called here and now, unless the server drains. `method` outlives the call. `names` =
  // what the request says of itself.
  static grpc::ServerUnaryReactor* Start(const CallEnvironment& environment,
                                         ServerMetrics::Method* method,
                                         grpc::CallbackServerContext* context, RequestNames names,
                                         const MakeWork& make);

 private:
  AloneCall(const CallEnvironment& environment, ServerMetrics::Method* method,
            grpc::CallbackServerContext* context, RequestNames names);

  void Queue(const MakeWork& make);
  void Computed(const absl::Status& status);
  void End(const absl::Status& status);
  void OnCancel() override;
  void OnDone() override;

  const CallEnvironment environment_;
  ServerMetrics::Method* const method_;
  grpc::CallbackServerContext* const context_;
  const RequestNames names_;
  const absl::Time arrived_;

  bool admitted_ = false;
  std::unique_ptr<AloneWork> work_;
  RolloutTask task_;
  HandOver submitted_;  // to OnCancel
  HandOver finished_;   // to OnDone
  HandOver cancelled_;  // to OnDone
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ALONE_CALL_H_
