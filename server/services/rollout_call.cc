#include "server/services/rollout_call.h"

#include <functional>
#include <string>
#include <utility>

#include "server/batching/abandoned.h"
#include "server/services/call_deadline.h"
#include "server/services/grpc_status.h"
#include "server/services/rollout_answered.h"

namespace rollout {

grpc::ServerUnaryReactor* RolloutCall::Start(const CallEnvironment& environment,
                                             const RolloutCodec* codec,
                                             ServerMetrics::Method* method,
                                             grpc::CallbackServerContext* context,
                                             const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* reply) {
  auto* call = new RolloutCall(environment, codec, method, context, reply);
  call->Admit(*request);
  return call;
}

RolloutCall::RolloutCall(const CallEnvironment& environment, const RolloutCodec* codec,
                         ServerMetrics::Method* method, grpc::CallbackServerContext* context,
                         grpc::ByteBuffer* reply)
    : environment_(environment),
      codec_(codec),
      method_(method),
      context_(context),
      reply_(reply),
      arrived_(environment.clock->Now()) {}

void RolloutCall::Admit(const grpc::ByteBuffer& request) {
  admitted_ = environment_.admission->Enter();
  if (!admitted_) {
    Refuse(absl::UnavailableError("the server is draining: ask another one"));
    return;
  }
  // gRPC keeps the request until the call has ended.
  environment_.large_requests->Read(request.Length(), [this, &request] { Queue(request); });
}

void RolloutCall::Queue(const grpc::ByteBuffer& request) {
  // Reading takes as long as computing a short rollout, and others wait behind it.
  const absl::Time deadline =
      CallDeadline(*context_, *environment_.clock, absl::InfiniteDuration());
  if (absl::Status worth =
          WorthReading(task_.cancelled.load(), deadline, environment_.clock->Now());
      !worth.ok()) {
    Refuse(worth);
    return;
  }
  RequestNames refused;
  absl::StatusOr<DecodedRollout> decoded =
      codec_->Decode(request, environment_.registry, environment_.limits, &refused);
  if (!decoded.ok()) {
    Refuse(decoded.status(), std::move(refused));
    return;
  }
  decoded_ = *std::move(decoded);
  answer_.emplace(decoded_.query, decoded_.servable->spec());
  task_.job = answer_->JobFor(decoded_.query);
  task_.deadline = CallDeadline(*context_, *environment_.clock, decoded_.timeout);
  task_.client = std::hash<std::string>()(context_->peer());
  task_.bytes = decoded_.query.num_bytes() + answer_->num_bytes();
  task_.done = [this](const absl::Status& status) { Computed(status); };
  task_.done_is_long = decoded_.query.wanted.frames;
  submitted_.Leave();
  // Computed may run in here, or elsewhere before this returns, and this object be gone by then.
  const ServableHandle servable = decoded_.servable;
  const absl::Status taken = servable->batcher().Submit(&task_);
  if (!taken.ok()) Computed(taken);
}

void RolloutCall::OnCancel() {
  // gRPC calls this after Start has returned, and keeps the call until it returns; the handle keeps
  // the batcher. Where the request has not been queued yet, the batcher will see the flag.
  task_.cancelled.store(true);
  if (submitted_.Take()) decoded_.servable->batcher().Cancel(&task_);
  cancelled_.Leave();
}

void RolloutCall::Computed(const absl::Status& status) {
  RequestTimes times;
  times.arrived = arrived_;
  if (status.ok()) {
    times.queued = task_.submitted;
    times.started = task_.started;
    times.computed = environment_.clock->Now();
    *reply_ = codec_->Encode(decoded_, &*answer_);
    times.replied = environment_.clock->Now();
  }
  RolloutAnswered(environment_, method_, *context_, decoded_, status, times);
  finished_.Leave();
  Finish(ToGrpcStatus(status, context_));
  // gRPC may have deleted this object by now.
}

void RolloutCall::Refuse(const absl::Status& status, RequestNames names) {
  AccessRecord record;
  record.model = std::move(names.model);
  record.id = std::move(names.id);
  record.status = status;
  RequestAnswered(environment_, method_, *context_, arrived_, std::move(record));
  finished_.Leave();
  Finish(ToGrpcStatus(status, context_));
}

void RolloutCall::OnDone() {
  finished_.Take();
  cancelled_.Take();
  // Only now has the reply left.
  Admission* const left = admitted_ ? environment_.admission : nullptr;
  delete this;
  if (left != nullptr) left->Leave();
}

}  // namespace rollout
