// Programs that a test or a benchmark starts, signals and watches.
#ifndef ROLLOUT_TESTS_SUPPORT_CHILD_PROCESS_H_
#define ROLLOUT_TESTS_SUPPORT_CHILD_PROCESS_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rollout {

struct ChildOptions {
  std::string log = "";                       // gets what it prints, appended; empty = /dev/null
  std::vector<std::string> environment = {};  // "NAME=value", besides this process's own
  std::vector<int> cores = {};                // that it may use; empty = all that this process may
};

// One running program. Owned and used by one thread, at whose end the system kills it as well.
class ChildProcess {
 public:
  // `command[0]` is a path or looked for in PATH. NOT_FOUND where it cannot be started.
  static absl::StatusOr<std::unique_ptr<ChildProcess>> Start(
      const std::vector<std::string>& command, const ChildOptions& options = {});
  // Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  int pid() const { return pid_; }
  bool running() { return !Wait(absl::ZeroDuration()).has_value(); }
  void Signal(int number) const;
  // Its exit status, 128 + the signal's number where one ended it; nullopt where it still runs when
  // `timeout` has passed.
  std::optional<int> Wait(absl::Duration timeout);
  // The first line of a file that the program writes once it listens. UNAVAILABLE, with the end of
  // its log, where it ends or `timeout` passes before that.
  absl::StatusOr<std::string> WaitForLine(const std::string& file, absl::Duration timeout);
  // Processor time of all its threads since it began.
  absl::Duration CpuTime() const;

 private:
  ChildProcess(int pid, std::string log) : pid_(pid), log_(std::move(log)) {}

  const int pid_;
  const std::string log_;
  std::optional<int> exit_status_;
};

// Runs a program to its end. Its exit status; UNAVAILABLE with what it printed where that is not 0.
absl::Status RunCommand(const std::vector<std::string>& command);

// What the system says that a process holds.
struct ProcessResources {
  double resident_bytes = 0;
  int open_files = 0;
  int threads = 0;
};
absl::StatusOr<ProcessResources> ReadResources(int pid);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SUPPORT_CHILD_PROCESS_H_
