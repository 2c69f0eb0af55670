#include "server/services/alone_call.h"

#include <functional>
#include <string>
#include <utility>

#include "server/services/call_deadline.h"
#include "server/services/grpc_status.h"

namespace rollout {

grpc::ServerUnaryReactor* AloneCall::Start(const CallEnvironment& environment,
                                           ServerMetrics::Method* method,
                                           grpc::CallbackServerContext* context, RequestNames names,
                                           const MakeWork& make) {
  auto* call = new AloneCall(environment, method, context, std::move(names));
  call->Queue(make);
  return call;
}

AloneCall::AloneCall(const CallEnvironment& environment, ServerMetrics::Method* method,
                     grpc::CallbackServerContext* context, RequestNames names)
    : environment_(environment),
      method_(method),
      context_(context),
      names_(std::move(names)),
      arrived_(environment.clock->Now()) {}

void AloneCall::Queue(const MakeWork& make) {
  admitted_ = environment_.admission->Enter();
  if (!admitted_) {
    End(absl::UnavailableError("the server is draining: ask another one"));
    return;
  }
  absl::StatusOr<std::unique_ptr<AloneWork>> work = make();
  if (!work.ok()) {
    End(work.status());
    return;
  }
  work_ = *std::move(work);
  task_.job.lanes = work_->lanes();
  task_.job.horizon = work_->horizon();
  task_.deadline = CallDeadline(*context_, *environment_.clock, absl::InfiniteDuration());
  task_.client = std::hash<std::string>()(context_->peer());
  task_.bytes = work_->num_bytes();
  task_.alone = [this](Engine& engine) { return work_->Compute(engine, task_.cancelled); };
  task_.done = [this](const absl::Status& status) { Computed(status); };
  submitted_.Leave();
  const absl::Status taken = work_->servable().batcher().Submit(&task_);
  if (!taken.ok()) End(taken);
}

void AloneCall::OnCancel() {
  // gRPC calls this after Start has returned, and keeps the call until it returns.
  if (submitted_.Take()) work_->servable().batcher().Cancel(&task_);
  cancelled_.Leave();
}

void AloneCall::Computed(const absl::Status& status) {
  if (status.ok()) work_->WriteReply();
  End(status);
}

void AloneCall::End(const absl::Status& status) {
  AccessRecord record;
  record.model = names_.model;
  record.id = names_.id;
  record.status = status;
  if (work_ != nullptr) {
    record.version = work_->servable().version();
    record.lanes = work_->lanes();
    record.horizon = work_->horizon();
  }
  RequestAnswered(environment_, method_, *context_, arrived_, std::move(record));
  finished_.Leave();
  Finish(ToGrpcStatus(status, context_));
  // gRPC may have deleted this object by now.
}

void AloneCall::OnDone() {
  finished_.Take();
  cancelled_.Take();
  Admission* const left = admitted_ ? environment_.admission : nullptr;
  delete this;
  if (left != nullptr) left->Leave();
}

}  // namespace rollout
