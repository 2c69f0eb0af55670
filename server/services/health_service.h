#ifndef ROLLOUT_SERVER_SERVICES_HEALTH_SERVICE_H_
#define ROLLOUT_SERVER_SERVICES_HEALTH_SERVICE_H_

#include <grpcpp/server_context.h>

#include <map>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace rollout {

// The health name that is SERVING until the process exits, draining or not.
inline constexpr char kLiveService[] = "_live";

// grpc.health.v1.Health: Check and Watch of "" (the server is ready), "_live" and each model's
// name. gRPC's own service knows neither names that come and go nor an end of its watches. Owned by
// the server; any thread.
class HealthService final : public grpc::health::v1::Health::CallbackService {
 public:
  // Which names are SERVING; those that are missing are unknown. Watchers of a changed name are
  // told.
  void SetServing(const std::map<std::string, bool>& serving) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends every watch, now and from now on, with UNAVAILABLE: an open stream would keep the server
  // from shutting down. Waits until they have ended, at most `timeout`.
  void EndWatches(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const grpc::health::v1::HealthCheckRequest* request,
                                  grpc::health::v1::HealthCheckResponse* reply) override;
  grpc::ServerWriteReactor<grpc::health::v1::HealthCheckResponse>* Watch(
      grpc::CallbackServerContext* context,
      const grpc::health::v1::HealthCheckRequest* request) override;

 private:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;
  class Watcher;

  Status StatusOf(const std::string& service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  Mutex mutex_;
  std::map<std::string, bool> serving_ ABSL_GUARDED_BY(mutex_);
  ConditionVariable watcher_left_;
  std::set<Watcher*> watchers_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_HEALTH_SERVICE_H_
