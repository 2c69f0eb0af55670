#include "server/services/health_service.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "server/services/grpc_status.h"

namespace rollout {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One watch: writes the newest status whenever it differs from the last one written; one write is
// under way at a time. Deletes itself. Its lock is taken after the service's.
class HealthService::Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(HealthService* health, std::string service)
      : health_(health), service_(std::move(service)) {}

  const std::string& service() const { return service_; }

  void Tell(HealthService::Status status) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    newest_ = status;
    WriteIfNew();
  }

  // After the write under way, if there is one.
  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (ended_) return;
    ended_ = true;
    end_status_ = status;
    if (!writing_) Finish(status);
  }

 private:
  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (!ok && !ended_) {
      ended_ = true;
      end_status_ = grpc::Status(grpc::StatusCode::UNAVAILABLE, "the watcher is gone");
    }
    if (ended_) {
      Finish(end_status_);
    } else {
      WriteIfNew();
    }
  }
  void OnCancel() override { End(grpc::Status::CANCELLED); }
  void OnDone() override {
    // Orders this after whoever made and finished the watch, also for the thread sanitizer, which
    // does not see how gRPC does.
    { MutexLock lock(&mutex_); }
    {
      MutexLock lock(&health_->mutex_);
      health_->watchers_.erase(this);
      health_->watcher_left_.NotifyAll();
    }
    delete this;
  }

  void WriteIfNew() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    if (writing_ || ended_ || (written_any_ && message_.status() == newest_)) return;
    writing_ = true;
    written_any_ = true;
    message_.set_status(newest_);
    StartWrite(&message_);
  }

  HealthService* const health_;
  const std::string service_;
  Mutex mutex_;
  HealthService::Status newest_ ABSL_GUARDED_BY(mutex_) = HealthCheckResponse::UNKNOWN;
  HealthCheckResponse message_ ABSL_GUARDED_BY(mutex_);  // the last one written
  bool written_any_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_status_ ABSL_GUARDED_BY(mutex_);
};

HealthService::Status HealthService::StatusOf(const std::string& service) const {
  const auto found = serving_.find(service);
  if (found == serving_.end()) return HealthCheckResponse::SERVICE_UNKNOWN;
  return found->second ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
}

void HealthService::SetServing(const std::map<std::string, bool>& serving) {
  MutexLock lock(&mutex_);
  serving_ = serving;
  for (Watcher* watcher : watchers_) watcher->Tell(StatusOf(watcher->service()));
}

void HealthService::EndWatches(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  ended_ = true;
  for (Watcher* watcher : watchers_) {
    watcher->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is draining"));
  }
  const absl::Time latest = absl::Now() + timeout;
  while (!watchers_.empty() && absl::Now() < latest) {
    watcher_left_.WaitFor(&mutex_, latest - absl::Now());
  }
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* reply) {
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    reply->set_status(StatusOf(request->service()));
    if (reply->status() == HealthCheckResponse::SERVICE_UNKNOWN) {
      status = absl::NotFoundError(
          absl::StrCat("service \"", request->service(), "\" is unknown; services: ",
                       absl::StrJoin(serving_, ", ", [](std::string* out, const auto& entry) {
                         absl::StrAppend(out, "\"", entry.first, "\"");
                       })));
    }
  }
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpcStatus(status, context));
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext*, const HealthCheckRequest* request) {
  auto* watcher = new Watcher(this, request->service());
  MutexLock lock(&mutex_);
  watchers_.insert(watcher);
  if (ended_) {
    watcher->End(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server is draining"));
  } else {
    watcher->Tell(StatusOf(request->service()));
  }
  return watcher;
}

}  // namespace rollout
