#include "bench/serving/bench_servers.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/available_cores.h"
#include "client/client.h"

namespace rollout::bench {
namespace {

constexpr absl::Duration kStartTimeout = absl::Seconds(30);
constexpr int kLanesAThread = 32;  // that the fused engine computes side by side

absl::Status WaitUntilServing(const std::string& address) {
  const auto client = Client::Connect(address);
  if (!client.ok()) return client.status();
  const absl::Time end = absl::Now() + kStartTimeout;
  while (absl::Now() < end) {
    const absl::StatusOr<bool> serving = (*client)->IsServing();
    if (!serving.ok()) return serving.status();
    if (*serving) return absl::OkStatus();
    absl::SleepFor(absl::Milliseconds(50));
  }
  return absl::UnavailableError(absl::StrCat("rolloutd at ", address, " does not become ready"));
}

}  // namespace

absl::StatusOr<BenchServer> BenchServers::Start(std::vector<std::string> command) {
  const std::string base = (scratch_ / absl::StrCat("server-", ++started_)).string();
  command.push_back(absl::StrCat("--port-file=", base, ".port"));
  // Another line's server of the same number left one.
  std::error_code ignored;
  std::filesystem::remove(base + ".port", ignored);
  auto process = ChildProcess::Start(command, {.log = base + ".log", .cores = cores_});
  if (!process.ok()) return process.status();
  auto address = (*process)->WaitForLine(base + ".port", kStartTimeout);
  if (!address.ok()) return address.status();
  return BenchServer{*std::move(process), *std::move(address)};
}

absl::StatusOr<BenchServer> BenchServers::Rolloutd(const std::string& repository,
                                                   const std::vector<std::string>& more) {
  std::vector<std::string> command = {(programs_ / "rolloutd").string(),
                                      "--model-repository=" + repository, "--listen=127.0.0.1:0",
                                      "--metrics-listen=127.0.0.1:0"};
  command.insert(command.end(), more.begin(), more.end());
  auto server = Start(std::move(command));
  if (!server.ok()) return server.status();
  if (absl::Status serving = WaitUntilServing(server->address); !serving.ok()) return serving;
  return server;
}

absl::StatusOr<BenchServer> BenchServers::WithoutLaneReplacement(const std::string& repository,
                                                                 const std::string& module) {
  return Rolloutd(repository,
                  {"--engine=torch",
                   absl::StrCat("--engine-dir=", (programs_ / "bench-engines" / module).string()),
                   absl::StrCat("--batch-lanes=", kLanesAThread * NumAvailableCores())});
}

absl::StatusOr<BenchServer> BenchServers::Echo(size_t reply_bytes) {
  return Start(
      {(programs_ / "serving-echo").string(), absl::StrCat("--reply-bytes=", reply_bytes)});
}

}  // namespace rollout::bench
