// What an operator can choose of rolloutd.
#ifndef ROLLOUT_SERVER_CONFIG_SERVER_OPTIONS_H_
#define ROLLOUT_SERVER_CONFIG_SERVER_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/batching/batch_policy.h"
#include "server/gates/gates.h"
#include "server/gates/recorded_set.h"
#include "server/recording/access_log.h"
#include "server/recording/report_recorder.h"
#include "server/registry/engine_choice.h"
#include "server/registry/version_overrides.h"
#include "server/registry/version_policy.h"
#include "server/security/port_security.h"
#include "server/services/rollout_query.h"

namespace rollout {

struct ServerOptions {
  std::string model_repository;
  std::string listen = "127.0.0.1:8001";          // port 0 = the system's choice
  std::string metrics_listen = "127.0.0.1:8002";  // empty = none
  std::string health_listen;                      // grpc.health.v1 alone; empty = none
  bool insecure = false;                          // plain text beyond loopback
  PortSecurityOptions security;                   // of `listen`
  std::string port_file;                          // gets the address of `listen`; empty = none

  EngineChoiceOptions engine;
  std::string engine_dir;  // empty = `engines` beside the executable

  absl::Duration poll_interval = absl::Seconds(1);
  VersionPolicy versions;
  GateLimits gates;
  RecordedSetOptions recorded_set;
  OverridesByModel overrides;  // labels, and models of which only some versions are served
  BatchLimits batch;
  RequestLimits request;
  int stream_requests = 64;                        // of one StreamRollout in flight
  int64_t max_message_bytes = int64_t{256} << 20;  // received; gRPC's own default is 4 MiB
  int max_streams = 1024;                          // calls at a time on one connection
  int max_header_bytes = 16 << 10;                 // of one call's metadata
  int grpc_threads = 0;  // that read and write; 0 = half of the cores it may use, at least one

  absl::Duration drain_delay = absl::ZeroDuration();  // from NOT_SERVING to refusing requests
  absl::Duration drain_timeout = absl::Seconds(25);   // for the requests then in flight
  std::string log_level = "info";
  AccessLogOptions access_log;
  ReportRecorderOptions recorded_reports;
};

// What contradicts itself or is not allowed: INVALID_ARGUMENT naming option, value and remedy.
absl::Status ValidateOptions(const ServerOptions& options);

// Whether `address` (host:port, [host]:port or unix:path) is reached from this machine only.
bool IsLoopback(const std::string& address);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CONFIG_SERVER_OPTIONS_H_
