#include "server/rollout_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <fstream>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/listen_failure.h"
#include "base/version.h"
#include "models/engines/device_fault.h"
#include "server/security/call_authorizer.h"
#include "server/security/port_security.h"

namespace rollout {
namespace {

// For the last word of a health watch to leave before its connection is cut.
constexpr absl::Duration kWatchGrace = absl::Seconds(1);

// A peer that has vanished without a word is noticed within half a minute, also where it had no
// call under way, and who pings about as often is no nuisance.
constexpr absl::Duration kKeepaliveTime = absl::Seconds(20);
constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);
constexpr absl::Duration kShortestPingInterval = absl::Seconds(5);

// gRPC inflates a compressed message whole before it looks at the receive limit: a message of 1 MiB
// may become a thousand. Numbers hardly compress: who compresses them is refused (UNIMPLEMENTED).
void RefuseCompression(grpc::ServerBuilder* builder) {
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_DEFLATE, false);
  builder->SetCompressionAlgorithmSupportStatus(GRPC_COMPRESS_GZIP, false);
}

void SetConnectionLimits(const ServerOptions& options, grpc::ServerBuilder* builder) {
  const auto milliseconds = [](absl::Duration duration) {
    return static_cast<int>(absl::ToInt64Milliseconds(duration));
  };
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, options.max_streams);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, options.max_header_bytes);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(kKeepaliveTime));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(kKeepaliveTimeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  // Without this gRPC stops to ask after two pings between which nothing else was sent.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              milliseconds(kShortestPingInterval));
}

std::unique_ptr<grpc::Server> Listen(grpc::ServerBuilder* builder, const std::string& address,
                                     int* port,
                                     const std::shared_ptr<grpc::ServerCredentials>& credentials =
                                         grpc::InsecureServerCredentials()) {
  RefuseCompression(builder);
  // Without this a second server could share an occupied port unnoticed.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder->AddListeningPort(address, credentials, port);
  return builder->BuildAndStart();
}

// `address` with the port that the system chose, where it was 0.
std::string WithPort(const std::string& address, int port) {
  if (address.rfind("unix:", 0) == 0) return address;
  const size_t colon = address.rfind(':');
  const std::string host = colon == std::string::npos ? "" : address.substr(0, colon + 1);
  return absl::StrCat(host, port);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RolloutServer>> RolloutServer::Start(const ServerOptions& options,
                                                                    std::function<void()> drain) {
  std::unique_ptr<RolloutServer> server(new RolloutServer(options, std::move(drain)));
  if (absl::Status opened = server->Open(); !opened.ok()) return opened;
  return server;
}

RolloutServer::RolloutServer(const ServerOptions& options, std::function<void()> drain)
    : options_(options),
      access_log_(options.access_log.file.empty()
                      ? nullptr
                      : std::make_unique<AccessLog>(
                            options.access_log,
                            [this](int64_t lines) { metrics_.AccessLinesLost(lines); })),
      recorder_(
          options.recorded_reports.datasets.folder.empty()
              ? nullptr
              : std::make_unique<ReportRecorder>(options.recorded_reports, &clock_, &metrics_)),
      loader_({options.model_repository, options.engine, options.batch, options.gates,
               options.recorded_set},
              MakeEngineModuleFinder(options.engine_dir), &clock_),
      registry_(
          {options.model_repository, options.versions, options.overrides},
          [this](const std::string& model, int64_t version, const Servable* oldest,
                 GateVerdicts* gates) { return loader_.Load(model, version, oldest, gates); },
          &clock_, this),
      hooks_{[this] {
               if (RepositoryWatcher* watcher = running_watcher_.load()) watcher->LookNow();
             },
             std::move(drain)},
      transition_model_(MakeEnvironment(), &metrics_),
      inference_(MakeEnvironment(), Version(), hooks_, &metrics_),
      admin_(MakeEnvironment(), hooks_, &metrics_),
      collector_(std::make_shared<RegistryCollector>(&registry_)),
      process_collector_(std::make_shared<ProcessCollector>()) {}

CallEnvironment RolloutServer::MakeEnvironment() {
  CallEnvironment environment;
  environment.registry = &registry_;
  environment.clock = &clock_;
  environment.limits = options_.request;
  environment.stream_requests = options_.stream_requests;
  environment.admission = &admission_;
  environment.streams = &streams_;
  environment.large_requests = &large_requests_;
  environment.access_log = access_log_.get();
  environment.recorder = recorder_.get();
  return environment;
}

absl::Status RolloutServer::Open() {
  if (access_log_ != nullptr) {
    if (absl::Status opened = access_log_->Open(); !opened.ok()) {
      return absl::Status(
          opened.code(),
          absl::StrCat("--access-log=", options_.access_log.file, ": ", opened.message(),
                       "; give a file in a folder that may be written to"));
    }
  }
  if (absl::Status readable = registry_.Poll(); !readable.ok()) {
    return absl::Status(readable.code(),
                        absl::StrCat("--model-repository=", options_.model_repository,
                                     ": cannot be read: ", readable.message(),
                                     "; give a readable folder that holds <model>/<version>/"));
  }
  if (absl::Status status = ListenForRequests(); !status.ok()) return status;
  if (absl::Status status = ListenForHealth(); !status.ok()) return status;
  if (absl::Status status = ListenForScrapes(); !status.ok()) return status;
  if (absl::Status status = WritePortFile(); !status.ok()) return status;
  watcher_ = std::make_unique<RepositoryWatcher>(&registry_, options_.poll_interval);
  running_watcher_.store(watcher_.get());
  spdlog::info("event=listening address={} metrics={} health={} model_repository={}",
               listen_address_, metrics_address_, health_address_, options_.model_repository);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> RolloutServer::SecurePort() {
  if (absl::Status files = CheckTlsFiles(options_.security); !files.ok()) return files;
  std::shared_ptr<CallAuthorizer> authorizer;
  if (!options_.security.access_file.empty()) {
    auto access =
        AccessFile::Open(options_.security.access_file, options_.security.refresh_interval);
    if (!access.ok()) {
      return absl::Status(access.status().code(),
                          absl::StrCat("--access-file=", access.status().message()));
    }
    access_ = *std::move(access);
    authorizer = std::make_shared<CallAuthorizer>(access_.get(), &metrics_, access_log_.get());
  } else if (!IsLoopback(options_.listen) && options_.security.tls_client_ca.empty()) {
    spdlog::warn(
        "event=open_to_all address={} reason=\"neither --access-file nor --tls-client-ca\"",
        options_.listen);
  }
  return MakePortCredentials(options_.security, options_.listen, std::move(authorizer));
}

absl::Status RolloutServer::ListenForRequests() {
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(static_cast<int>(options_.max_message_bytes));
  builder.RegisterService(&transition_model_);
  builder.RegisterService(&inference_);
  builder.RegisterService(&admin_);
  builder.RegisterService(&health_);
  SetConnectionLimits(options_, &builder);
  const auto credentials = SecurePort();
  if (!credentials.ok()) return credentials.status();
  int port = 0;
  server_ = Listen(&builder, options_.listen, &port, *credentials);
  if (server_ == nullptr || port == 0) return ListenFailure("listen", options_.listen);
  listen_address_ = WithPort(options_.listen, port);
  return absl::OkStatus();
}

absl::Status RolloutServer::ListenForHealth() {
  if (options_.health_listen.empty()) return absl::OkStatus();
  grpc::ServerBuilder builder;
  builder.RegisterService(&plain_health_);
  int port = 0;
  health_server_ = Listen(&builder, options_.health_listen, &port);
  if (health_server_ == nullptr || port == 0) {
    return ListenFailure("health-listen", options_.health_listen);
  }
  health_address_ = WithPort(options_.health_listen, port);
  return absl::OkStatus();
}

absl::Status RolloutServer::ListenForScrapes() {
  if (options_.metrics_listen.empty()) return absl::OkStatus();
  try {
    exposer_ = std::make_unique<prometheus::Exposer>(options_.metrics_listen);
  } catch (const std::exception&) {
    return ListenFailure("metrics-listen", options_.metrics_listen);
  }
  metrics_address_ = WithPort(options_.metrics_listen, exposer_->GetListeningPorts().at(0));
  exposer_->RegisterCollectable(metrics_.registry());
  exposer_->RegisterCollectable(collector_);
  exposer_->RegisterCollectable(process_collector_);
  return absl::OkStatus();
}

absl::Status RolloutServer::WritePortFile() const {
  if (options_.port_file.empty()) return absl::OkStatus();
  // A reader that waits for the file must not see half of it.
  const std::string temporary = options_.port_file + ".new";
  std::ofstream file(temporary);
  file << listen_address_ << "\n";
  file.close();
  if (!file || std::rename(temporary.c_str(), options_.port_file.c_str()) != 0) {
    return absl::NotFoundError(absl::StrCat("--port-file=", options_.port_file,
                                            ": cannot be written; give a path in a folder that "
                                            "exists and may be written to"));
  }
  return absl::OkStatus();
}

void RolloutServer::LoadFinished(const std::string& model, const absl::Status& verdict,
                                 const GateVerdicts& gates) {
  metrics_.LoadFinished(model, verdict, gates);
}

void RolloutServer::DeviceLost(const EngineInfo& engine, const absl::Status& why) {
  metrics_.DeviceFailed(engine.device, DeviceFaultOf(why).value_or(DeviceFault::kDeviceLost));
}

void RolloutServer::UpdateHealth() {
  MutexLock lock(&health_mutex_);
  const bool draining = admission_.draining();
  std::map<std::string, bool> serving;
  for (const ModelStatus& model : registry_.Describe()) {
    serving[model.name] = model.serving_version != 0 && !draining;
  }
  serving[""] = registry_.Ready() && !draining;
  serving[kLiveService] = true;
  health_.SetServing(serving);
  plain_health_.SetServing(serving);
}

void RolloutServer::Changed() {
  UpdateHealth();
  streams_.TellChanged();
}

std::shared_ptr<grpc::Channel> RolloutServer::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

bool RolloutServer::Drain() {
  spdlog::info("event=draining delay={} timeout={}", absl::FormatDuration(options_.drain_delay),
               absl::FormatDuration(options_.drain_timeout));
  admission_.StartDraining();
  UpdateHealth();
  std::this_thread::sleep_for(absl::ToChronoNanoseconds(options_.drain_delay));
  admission_.Close();
  streams_.DrainAll();
  const bool finished = admission_.WaitUntilEmpty(options_.drain_timeout);
  spdlog::info("event=drained in_time={}", finished);
  return finished;
}

void RolloutServer::CloseRecords() {
  if (access_log_ != nullptr) access_log_->Close();
  if (recorder_ != nullptr) recorder_->Close();
}

void RolloutServer::StopListening(grpc::Server* server, HealthService* health) {
  if (server == nullptr) return;
  health->EndWatches(kWatchGrace);
  server->Shutdown(std::chrono::system_clock::now());
  server->Wait();
}

RolloutServer::~RolloutServer() {
  admission_.Close();
  streams_.DrainAll();
  StopListening(server_.get(), &health_);
  StopListening(health_server_.get(), &plain_health_);
  exposer_.reset();
  watcher_.reset();
}

}  // namespace rollout
