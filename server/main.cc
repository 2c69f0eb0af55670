// rolloutd: serves the models of a repository until SIGTERM or SIGINT.
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <malloc.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "base/available_cores.h"
#include "base/printable.h"
#include "server/callback_threads.h"
#include "server/config/check_files.h"
#include "server/config/device_check.h"
#include "server/config/read_options.h"
#include "server/end_request.h"
#include "server/rollout_server.h"

namespace {

// Replies of megabytes come and go: memory that malloc returns to the system costs a page fault for
// each of its pages when it is needed again, which is most of the time of a 1 MiB reply. What one
// arena keeps is of no use to another, so there are as many as threads can allocate at a time, not
// glibc's eight for each core: threads come and go with versions and connections, and would touch
// them all in time.
void KeepFreedMemory() {
  mallopt(M_ARENA_MAX, std::max(2, rollout::NumAvailableCores()));
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
}

// Debian builds Abseil with a search for deadlocks at every lock, of which gRPC takes dozens in a
// call; our own locks are not Abseil's.
void SkipDeadlockSearch() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

// gRPC's own lines go where the server's go, as debug output: what matters to an operator is
// reported by the server itself.
void LogForGrpc(gpr_log_func_args* args) {
  spdlog::debug("event=grpc message=\"{}\"", rollout::ForQuotes(args->message));
}

void SetUpLogging(const std::string& level) {
  auto logger = std::make_shared<spdlog::logger>("rolloutd",
                                                 std::make_shared<spdlog::sinks::stderr_sink_mt>());
  logger->set_pattern("time=%Y-%m-%dT%H:%M:%S.%eZ level=%l %v", spdlog::pattern_time_type::utc);
  logger->set_level(spdlog::level::from_str(level));
  logger->flush_on(spdlog::level::info);
  spdlog::set_default_logger(std::move(logger));
  gpr_set_log_function(LogForGrpc);
}

std::optional<std::string> EnvironmentVariable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  if (value == nullptr) return std::nullopt;
  return value;
}

// Access log and recorded reports, for as long as a disk may take; a storage that hangs does not
// keep the process.
void CloseRecords(rollout::RolloutServer* server) {
  constexpr auto kLongest = std::chrono::seconds(5);
  auto closed = std::make_shared<std::promise<void>>();
  std::thread([server, closed] {
    server->CloseRecords();
    closed->set_value();
  }).detach();
  if (closed->get_future().wait_for(kLongest) == std::future_status::timeout) {
    spdlog::warn("event=records_not_closed reason=\"the disk did not take them within 5 s\"");
  }
}

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "rolloutd: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  SkipDeadlockSearch();
  const auto start = rollout::ReadOptions({argv + 1, argv + argc}, EnvironmentVariable);
  if (!start.ok()) return Fail(start.status());
  if (start->print) {
    std::fputs(start->print->c_str(), stdout);
    return 0;
  }
  if (start->check_only) {
    if (absl::Status files = rollout::CheckFiles(start->options); !files.ok()) {
      return Fail(rollout::WithSources(*start, files));
    }
    std::puts("the configuration is valid");
    return 0;
  }
  const absl::Status device =
      rollout::CheckDevice(start->options.engine.device, rollout::CountCudaDevices);
  if (!device.ok()) return Fail(rollout::WithSources(*start, device));
  SetUpLogging(start->options.log_level);

  rollout::EndRequest end;
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  auto server = rollout::RolloutServer::Start(start->options, [&end] { end.Ask(); });
  if (!server.ok()) return Fail(rollout::WithSources(*start, server.status()));
  const rollout::CallbackThreads callback_threads(
      start->options.grpc_threads > 0 ? start->options.grpc_threads
                                      : std::max(1, rollout::NumAvailableCores() / 2));

  end.Wait();
  (*server)->Drain();
  // The last replies cross the network; whoever asks meanwhile is refused with UNAVAILABLE.
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CloseRecords(server->get());
  spdlog::shutdown();
  // gRPC's own shutdown would answer requests that have just arrived with CANCELLED, which callers
  // take for their own doing. A connection that ends with the process is UNAVAILABLE to them.
  std::_Exit(0);
}
