// The server: registry, services and metrics put together.
#ifndef ROLLOUT_SERVER_ROLLOUT_SERVER_H_
#define ROLLOUT_SERVER_ROLLOUT_SERVER_H_

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <prometheus/exposer.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/process_collector.h"
#include "server/config/server_options.h"
#include "server/metrics/registry_collector.h"
#include "server/metrics/server_metrics.h"
#include "server/recording/access_log.h"
#include "server/recording/report_recorder.h"
#include "server/registry/model_registry.h"
#include "server/registry/repository_watcher.h"
#include "server/registry/servable_loader.h"
#include "server/security/access_file.h"
#include "server/services/admin_service.h"
#include "server/services/admission.h"
#include "server/services/health_service.h"
#include "server/services/inference_service.h"
#include "server/services/large_requests.h"
#include "server/services/open_streams.h"
#include "server/services/transition_model_service.h"

namespace rollout {

// Listens from Start until it is destroyed. One thread starts, drains and destroys it.
class RolloutServer final : private RegistryObserver {
 public:
  // Errors in one line naming option, value and remedy: NOT_FOUND or PERMISSION_DENIED (the
  // repository), UNAVAILABLE (an address that cannot be listened on). `drain` is what Admin's Drain
  // calls, on a thread that it must not block: it has somebody call Drain and end the process.
  static absl::StatusOr<std::unique_ptr<RolloutServer>> Start(
      const ServerOptions& options, std::function<void()> drain = [] {});

  // Ends at once: what is still in flight is cancelled.
  ~RolloutServer() override;
  RolloutServer(const RolloutServer&) = delete;
  RolloutServer& operator=(const RolloutServer&) = delete;

  // NOT_SERVING; after drain_delay refuses new requests with UNAVAILABLE; returns when those in
  // flight are answered (true), at the latest after drain_timeout (false). Health and refusals go
  // on until the process exits or this object is destroyed. Once.
  bool Drain();

  // Writes out what is still to be written of access log and recorded reports, before a process
  // ends without destroying this object. What is answered later is not recorded.
  void CloseRecords();

  // "127.0.0.1:41233": `listen` with the port that the system chose.
  const std::string& listen_address() const { return listen_address_; }
  // The same of `metrics_listen`; empty where there is none.
  const std::string& metrics_address() const { return metrics_address_; }

  // For tests and embedding: a channel that needs no socket.
  std::shared_ptr<grpc::Channel> InProcessChannel();

 private:
  RolloutServer(const ServerOptions& options, std::function<void()> drain);

  CallEnvironment MakeEnvironment();

  absl::Status Open();
  absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> SecurePort();
  absl::Status ListenForRequests();
  absl::Status ListenForHealth();
  absl::Status ListenForScrapes();
  absl::Status WritePortFile() const;
  static void StopListening(grpc::Server* server, HealthService* health);

  void LoadFinished(const std::string& model, const absl::Status& verdict,
                    const GateVerdicts& gates) override;
  void DeviceLost(const EngineInfo& engine, const absl::Status& why) override;
  void Changed() override;
  void UpdateHealth() ABSL_LOCKS_EXCLUDED(health_mutex_);

  const ServerOptions options_;
  const SteadyClock clock_;
  ServerMetrics metrics_;
  Admission admission_;
  OpenStreams streams_;
  const std::unique_ptr<AccessLog> access_log_;     // null = none
  const std::unique_ptr<ReportRecorder> recorder_;  // null = reports are not recorded

  Mutex health_mutex_;  // one update of the health services at a time, in order
  HealthService health_;
  HealthService plain_health_;  // of --health-listen: a service belongs to one gRPC server
  ServableLoader loader_;
  ModelRegistry registry_;
  LargeRequests large_requests_;  // its thread may still hold a handle of the registry
  const OperatorHooks hooks_;
  TransitionModelService transition_model_;
  InferenceService inference_;
  AdminService admin_;
  std::shared_ptr<RegistryCollector> collector_;
  std::shared_ptr<ProcessCollector> process_collector_;

  std::unique_ptr<AccessFile> access_;  // outlives the servers, which ask it
  std::unique_ptr<prometheus::Exposer> exposer_;
  std::unique_ptr<grpc::Server> health_server_;
  std::unique_ptr<grpc::Server> server_;
  std::string listen_address_;
  std::string metrics_address_;
  std::string health_address_;
  std::unique_ptr<RepositoryWatcher> watcher_;  // last: stops before what it feeds
  // The same once it runs; requests may come before.
  std::atomic<RepositoryWatcher*> running_watcher_ = nullptr;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_ROLLOUT_SERVER_H_
