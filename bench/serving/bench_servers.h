// The servers that a serving benchmark starts: rolloutd itself and a bare echo.
#ifndef ROLLOUT_BENCH_SERVING_BENCH_SERVERS_H_
#define ROLLOUT_BENCH_SERVING_BENCH_SERVERS_H_

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/support/child_process.h"

namespace rollout::bench {

// A server that listens; it ends with this object.
struct BenchServer {
  std::unique_ptr<ChildProcess> process;
  std::string address;
};

// Starts servers on loopback ports that the system chooses. One thread; outlives its servers.
class BenchServers {
 public:
  // `programs` is the folder of rolloutd and serving-echo, `scratch` one for logs and port files;
  // the servers stay on `cores` (empty = all).
  BenchServers(std::filesystem::path programs, std::filesystem::path scratch,
               std::vector<int> cores)
      : programs_(std::move(programs)), scratch_(std::move(scratch)), cores_(std::move(cores)) {}

  // rolloutd, warm and serving every model of `repository`; `more` are further options.
  absl::StatusOr<BenchServer> Rolloutd(const std::string& repository,
                                       const std::vector<std::string>& more = {});
  // With one of the modules that batch without replacing lanes: "gap" or "rectangular".
  absl::StatusOr<BenchServer> WithoutLaneReplacement(const std::string& repository,
                                                     const std::string& module);
  absl::StatusOr<BenchServer> Echo(size_t reply_bytes);

 private:
  absl::StatusOr<BenchServer> Start(std::vector<std::string> command);

  const std::filesystem::path programs_, scratch_;
  const std::vector<int> cores_;
  int started_ = 0;
};

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_BENCH_SERVERS_H_
