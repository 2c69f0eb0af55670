#include "tests/trials/server_process.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/installation.h"

namespace rollout {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

// What follows `key` in the log's line `event=listening`; empty as long as there is none.
std::string ListeningField(const std::string& log, const std::string& key) {
  const size_t line = log.find("event=listening ");
  if (line == std::string::npos) return "";
  const size_t begin = log.find(key + "=", line);
  const size_t end = log.find_first_of(" \n", begin);
  if (begin == std::string::npos || end == std::string::npos) return "";
  return log.substr(begin + key.size() + 1, end - begin - key.size() - 1);
}

}  // namespace

std::string BinFolder() {
  if (const char* folder = std::getenv("ROLLOUT_BIN"); folder != nullptr) return folder;
  const auto own = ExecutableFolder();
  return own ? (*own / ".." / "bin").lexically_normal().string() : "build/release/bin";
}

absl::Status WaitUntil(const std::string& what, const std::function<bool()>& condition,
                       absl::Duration patience) {
  const absl::Time end = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() > end) {
      return absl::DeadlineExceededError(
          absl::StrCat("not within ", absl::FormatDuration(patience), ": ", what));
    }
    absl::SleepFor(absl::Milliseconds(5));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ServerProcess>> ServerProcess::Start(
    const ServerProcessOptions& options) {
  const std::string log = options.log.empty() ? options.folder + "/rolloutd.log" : options.log;
  std::vector<std::string> command = {BinFolder() + "/rolloutd",
                                      "--model-repository",
                                      options.repository,
                                      "--listen",
                                      options.listen,
                                      "--metrics-listen",
                                      "127.0.0.1:0",
                                      "--poll-interval",
                                      absl::FormatDuration(options.poll_interval)};
  command.insert(command.end(), options.arguments.begin(), options.arguments.end());
  auto child = ChildProcess::Start(command, {.log = log, .environment = options.environment});
  if (!child.ok()) return child.status();
  std::unique_ptr<ServerProcess> server(new ServerProcess(log, *std::move(child)));
  const auto ended = [&] {
    return absl::UnavailableError(
        absl::StrCat(command[0], " has ended before it was ready: ", server->Log()));
  };
  absl::Status listens = WaitUntil("rolloutd listens", [&] {
    server->address_ = ListeningField(server->Log(), "address");
    return !server->address_.empty() || !server->running();
  });
  if (!server->running()) return ended();
  if (!listens.ok()) return listens;
  server->metrics_address_ = ListeningField(server->Log(), "metrics");
  const auto client = Client::Connect(server->address_);
  if (!client.ok()) return client.status();
  absl::Status ready = WaitUntil("rolloutd is ready", [&] {
    return (*client)->IsServing().value_or(false) || !server->running();
  });
  if (!server->running()) return ended();
  if (!ready.ok()) return ready;
  return server;
}

std::string ServerProcess::Log() const { return ReadAll(log_); }

absl::StatusOr<std::vector<MetricSample>> ServerProcess::Metrics() const {
  const auto page = FetchMetrics(metrics_address_, absl::Seconds(30));
  if (!page.ok()) return page.status();
  return ParseMetrics(*page);
}

double ServerProcess::Metric(const std::string& name) const {
  double sum = 0.0;
  const auto samples = Metrics();
  if (!samples.ok()) return sum;
  for (const MetricSample& sample : *samples) {
    if (sample.name == name) sum += sample.value;
  }
  return sum;
}

Buckets ServerProcess::Durations(const std::string& method, const std::string& code) const {
  Buckets buckets;
  const auto samples = Metrics();
  if (!samples.ok()) return buckets;
  for (const MetricSample& sample : *samples) {
    if (sample.name != "rollout_request_duration_seconds_bucket") continue;
    if (sample.labels.at("method") != method || sample.labels.at("code") != code) continue;
    const std::string& bound = sample.labels.at("le");
    double seconds = std::numeric_limits<double>::infinity();
    if (bound != "+Inf" && !absl::SimpleAtod(bound, &seconds)) continue;
    buckets[seconds] = sample.value;
  }
  return buckets;
}

}  // namespace rollout
