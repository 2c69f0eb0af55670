// WatchModels: every model once, then each that changes.
#ifndef ROLLOUT_SERVER_SERVICES_MODEL_WATCH_H_
#define ROLLOUT_SERVER_SERVICES_MODEL_WATCH_H_

#include <grpcpp/support/server_callback.h>

#include <deque>
#include <map>
#include <set>
#include <string>

#include "base/mutex.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/services/open_streams.h"
#include "server/services/rollout_call.h"

namespace rollout {

// Compares what the registry says with what was told, and writes the difference; prediction errors,
// which change with every report, are told but are no reason to tell. One comparison is queued at a
// time: a slow reader is told less often, and of the newest state. Lives until gRPC is done with
// it.
class ModelWatch final : public grpc::ServerWriteReactor<v1::WatchModelsReply>, public OpenStream {
 public:
  static grpc::ServerWriteReactor<v1::WatchModelsReply>* Start(
      const CallEnvironment& environment, const v1::WatchModelsRequest& request);

  ModelWatch(const CallEnvironment& environment, const v1::WatchModelsRequest& request);

 private:
  void RegistryChanged() override ABSL_LOCKS_EXCLUDED(mutex_);
  void Drain() override;
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override;
  void OnDone() override;

  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void GoOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Queues what has changed since it was told.
  void Compare() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallEnvironment environment_;
  const std::set<std::string> wanted_;  // empty = all

  Mutex mutex_;
  std::map<std::string, v1::Model> told_ ABSL_GUARDED_BY(mutex_);  // without errors
  std::deque<v1::WatchModelsReply> replies_ ABSL_GUARDED_BY(mutex_);
  v1::WatchModelsReply writing_ ABSL_GUARDED_BY(mutex_);
  bool writes_ ABSL_GUARDED_BY(mutex_) = false;
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;
  bool told_all_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
  grpc::Status end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_MODEL_WATCH_H_
