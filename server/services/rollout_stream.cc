#include "server/services/rollout_stream.h"

#include <functional>
#include <utility>
#include <vector>

#include "server/batching/abandoned.h"
#include "server/services/call_deadline.h"
#include "server/services/rollout_answered.h"

namespace rollout {

RolloutStream::Reactor* RolloutStream::Start(const CallEnvironment& environment,
                                             const StreamWire* wire, ServerMetrics::Method* method,
                                             grpc::CallbackServerContext* context) {
  auto stream = std::make_shared<RolloutStream>(environment, wire, method, context);
  RolloutStream* const raw = stream.get();
  environment.streams->Add(std::move(stream));
  MutexLock lock(&raw->mutex_);
  raw->GoOn();
  return raw;
}

RolloutStream::RolloutStream(const CallEnvironment& environment, const StreamWire* wire,
                             ServerMetrics::Method* method, grpc::CallbackServerContext* context)
    : environment_(environment),
      wire_(wire),
      method_(method),
      context_(context),
      versions_(environment.registry) {}

void RolloutStream::OnReadDone(bool ok) {
  grpc::ByteBuffer bytes;
  {
    MutexLock lock(&mutex_);
    reads_ = false;
    if (!ok || finished_) {
      half_closed_ = true;
      GoOn();
      return;
    }
    ++unanswered_;
    accepting_ = true;
    bytes.Swap(&reading_);
  }
  environment_.large_requests->Read(bytes.Length(), [this, bytes] {
    Accept(bytes);
    MutexLock lock(&mutex_);
    accepting_ = false;
    GoOn();
  });
}

void RolloutStream::Accept(const grpc::ByteBuffer& bytes) {
  const absl::Time arrived = environment_.clock->Now();
  const bool admitted = environment_.admission->Enter();
  if (!admitted) {
    Refuse(wire_->codec().NamesOf(bytes),
           absl::UnavailableError("the server is draining: ask another one"), arrived, admitted);
    return;
  }
  if (absl::Status waits = Waits(arrived); !waits.ok()) {
    Refuse({}, waits, arrived, admitted);
    return;
  }
  RequestNames refused;
  absl::StatusOr<DecodedRollout> decoded =
      wire_->codec().Decode(bytes, &versions_, environment_.limits, &refused);
  if (!decoded.ok()) {
    Refuse(std::move(refused), decoded.status(), arrived, admitted);
    return;
  }
  auto owned = std::make_shared<Request>();
  Request* const request = owned.get();
  request->arrived = arrived;
  request->decoded = *std::move(decoded);
  request->answer.emplace(request->decoded.query, request->decoded.servable->spec());
  request->task.job = request->answer->JobFor(request->decoded.query);
  request->task.deadline = CallDeadline(*context_, *environment_.clock, request->decoded.timeout);
  request->task.done = [this, request](const absl::Status& status) { Computed(request, status); };
  request->task.done_is_long = request->decoded.query.wanted.frames;
  request->bytes = request->decoded.query.num_bytes() + request->answer->num_bytes();
  request->task.bytes = request->bytes;
  request->task.client = std::hash<std::string>()(context_->peer());
  {
    MutexLock lock(&mutex_);
    in_flight_[request] = owned;
    held_bytes_ += request->bytes;
  }
  // Computed may run in here; `owned` keeps the request.
  Batcher& batcher = request->decoded.servable->batcher();
  const absl::Status submitted = batcher.Submit(&request->task);
  if (!submitted.ok()) {
    Computed(request, submitted);
    return;
  }
  bool cancelled = false;
  {
    MutexLock lock(&mutex_);
    cancelled = cancelled_;
  }
  // OnCancel may have come before there was anything to cancel.
  if (cancelled) batcher.Cancel(&request->task);
}

void RolloutStream::Computed(Request* request, const absl::Status& status) {
  RequestTimes times;
  times.arrived = request->arrived;
  DecodedRollout& decoded = request->decoded;
  Reply reply;
  reply.admitted = true;
  reply.held_bytes = request->bytes;
  if (status.ok()) {
    times.queued = request->task.submitted;
    times.started = request->task.started;
    times.computed = environment_.clock->Now();
    reply.bytes = wire_->Answer(decoded.id, wire_->codec().Encode(decoded, &*request->answer));
    times.replied = environment_.clock->Now();
  } else {
    reply.bytes = wire_->Refusal(decoded.id, status);
  }
  RolloutAnswered(environment_, method_, *context_, decoded, status, times);
  {
    std::shared_ptr<Request> owned;  // destroyed after the lock
    MutexLock lock(&mutex_);
    const auto found = in_flight_.find(request);
    owned = std::move(found->second);
    in_flight_.erase(found);
  }
  // The version's handle is gone before the reply can leave: whoever has it may end the server, and
  // with it the registry, which every handle must be gone before.
  MutexLock lock(&mutex_);
  Push(std::move(reply));
  GoOn();
}

absl::Status RolloutStream::Waits(absl::Time now) {
  const absl::Time deadline =
      CallDeadline(*context_, *environment_.clock, absl::InfiniteDuration());
  MutexLock lock(&mutex_);
  return WorthReading(cancelled_, deadline, now);
}

void RolloutStream::Refuse(RequestNames names, const absl::Status& status, absl::Time arrived,
                           bool admitted) {
  AccessRecord record;
  record.model = std::move(names.model);
  record.id = names.id;
  record.status = status;
  RequestAnswered(environment_, method_, *context_, arrived, std::move(record));
  MutexLock lock(&mutex_);
  Push({wire_->Refusal(names.id, status), admitted, 0});
  GoOn();
}

void RolloutStream::Push(Reply reply) {
  if (cancelled_) {
    Answered(reply);
    return;
  }
  replies_.push_back(std::move(reply));
}

void RolloutStream::Answered(const Reply& reply) {
  --unanswered_;
  held_bytes_ -= reply.held_bytes;
  if (reply.admitted) environment_.admission->Leave();
}

void RolloutStream::GoOn() {
  if (finished_) return;
  if (!writes_ && !replies_.empty()) {
    writes_ = true;
    StartWrite(&replies_.front().bytes);
  }
  const bool ends = half_closed_ || cancelled_ || draining_;
  if (!reads_ && !accepting_ && !ends && unanswered_ < environment_.stream_requests &&
      held_bytes_ < environment_.limits.max_reply_bytes) {
    reads_ = true;
    StartRead(&reading_);
  }
  if (!ends || writes_ || accepting_ || unanswered_ > 0) return;
  finished_ = true;
  if (cancelled_) {
    Finish(grpc::Status::CANCELLED);
  } else if (half_closed_) {
    Finish(grpc::Status::OK);
  } else {
    Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is draining: ask another one"));
  }
}

void RolloutStream::DropReplies() {
  // The first one belongs to gRPC as long as it is being written.
  const size_t kept = writes_ ? 1 : 0;
  while (replies_.size() > kept) {
    Answered(replies_.back());
    replies_.pop_back();
  }
}

void RolloutStream::OnWriteDone(bool ok) {
  MutexLock lock(&mutex_);
  writes_ = false;
  Answered(replies_.front());
  replies_.pop_front();
  if (!ok) {
    cancelled_ = true;
    DropReplies();
  }
  GoOn();
}

void RolloutStream::OnCancel() {
  std::vector<std::shared_ptr<Request>> requests;
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
    DropReplies();
    for (const auto& [raw, request] : in_flight_) requests.push_back(request);
  }
  // Outside of the lock, for a waiting task is finished in there.
  for (const std::shared_ptr<Request>& request : requests) {
    request->decoded.servable->batcher().Cancel(&request->task);
  }
  MutexLock lock(&mutex_);
  GoOn();
}

void RolloutStream::Drain() {
  MutexLock lock(&mutex_);
  draining_ = true;
  GoOn();
}

void RolloutStream::OnDone() {
  // Whoever finished the call may still hold the lock.
  { MutexLock lock(&mutex_); }
  environment_.streams->Remove(this);
}

}  // namespace rollout
