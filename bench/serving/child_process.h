// A program that a benchmark starts beside itself.
#ifndef ROLLOUT_BENCH_SERVING_CHILD_PROCESS_H_
#define ROLLOUT_BENCH_SERVING_CHILD_PROCESS_H_

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rollout::bench {

// Cores that a process may use; empty = all that its parent may.
using Cores = std::vector<int>;

// The calling thread and those that it starts from now on stay on `cores`.
absl::Status StayOn(const Cores& cores);

// A running program; its end comes with this object: SIGTERM, and SIGKILL after 5 s. One thread.
class ChildProcess {
 public:
  // `command` is a path and its arguments; what the program prints goes to `log_file`. NOT_FOUND
  // where the path is no program.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& command, const Cores& cores, const std::string& log_file);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  // The first line of a file that the program writes once it listens. UNAVAILABLE, with the end of
  // its log, where it ends or `timeout` passes before that.
  absl::StatusOr<std::string> WaitForLine(const std::string& file, absl::Duration timeout);

  // Processor time of all its threads since it began.
  absl::Duration CpuTime() const;

 private:
  ChildProcess(pid_t pid, std::string log_file) : pid_(pid), log_file_(std::move(log_file)) {}
  bool Ended();

  const pid_t pid_;
  const std::string log_file_;
  bool ended_ = false;
};

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_CHILD_PROCESS_H_
