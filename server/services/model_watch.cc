#include "server/services/model_watch.h"

#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <utility>
#include <vector>

#include "server/services/model_messages.h"

namespace rollout {
namespace {

v1::Model WithoutErrors(v1::Model model) {
  for (v1::ModelVersion& version : *model.mutable_versions()) {
    version.clear_errors();
    version.clear_comparison();
  }
  return model;
}

}  // namespace

grpc::ServerWriteReactor<v1::WatchModelsReply>* ModelWatch::Start(
    const CallEnvironment& environment, const v1::WatchModelsRequest& request) {
  auto watch = std::make_shared<ModelWatch>(environment, request);
  ModelWatch* const raw = watch.get();
  environment.streams->Add(std::move(watch));
  MutexLock lock(&raw->mutex_);
  raw->GoOn();
  return raw;
}

ModelWatch::ModelWatch(const CallEnvironment& environment, const v1::WatchModelsRequest& request)
    : environment_(environment), wanted_(request.models().begin(), request.models().end()) {}

void ModelWatch::RegistryChanged() {
  MutexLock lock(&mutex_);
  changed_ = true;
  GoOn();
}

void ModelWatch::Compare() {
  changed_ = false;
  std::map<std::string, v1::Model> gone = told_;
  for (const ModelStatus& status : environment_.registry->Describe()) {
    if (!wanted_.empty() && wanted_.count(status.name) == 0) continue;
    gone.erase(status.name);
    v1::Model model = ModelMessage(status);
    v1::Model told = WithoutErrors(model);
    const auto before = told_.find(status.name);
    if (before != told_.end() &&
        google::protobuf::util::MessageDifferencer::Equals(before->second, told)) {
      continue;
    }
    told_[status.name] = std::move(told);
    *replies_.emplace_back().mutable_model() = std::move(model);
  }
  for (const auto& [name, model] : gone) {
    told_.erase(name);
    v1::WatchModelsReply& reply = replies_.emplace_back();
    reply.mutable_model()->set_name(name);
    reply.set_removed(true);
  }
  if (!told_all_) {
    told_all_ = true;
    if (replies_.empty()) replies_.emplace_back();
    replies_.back().set_complete(true);
  }
}

void ModelWatch::GoOn() {
  if (writes_ || finished_) return;
  if (ended_) {
    finished_ = true;
    Finish(end_);
    return;
  }
  if (replies_.empty() && changed_) Compare();
  if (replies_.empty()) return;
  writing_ = std::move(replies_.front());
  replies_.pop_front();
  writes_ = true;
  StartWrite(&writing_);
}

void ModelWatch::OnWriteDone(bool ok) {
  MutexLock lock(&mutex_);
  writes_ = false;
  if (!ok && !ended_) {
    ended_ = true;
    end_ = grpc::Status::CANCELLED;
  }
  GoOn();
}

void ModelWatch::End(const grpc::Status& status) {
  MutexLock lock(&mutex_);
  if (ended_) return;
  ended_ = true;
  end_ = status;
  GoOn();
}

void ModelWatch::Drain() {
  End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is draining: ask another one"));
}

void ModelWatch::OnCancel() { End(grpc::Status::CANCELLED); }

void ModelWatch::OnDone() {
  // Whoever finished the call may still hold the lock.
  { MutexLock lock(&mutex_); }
  environment_.streams->Remove(this);
}

}  // namespace rollout
