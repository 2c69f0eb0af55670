#include "tests/support/child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "base/available_cores.h"
#include "tests/support/temporary_directory.h"

extern char** environ;

namespace rollout {
namespace {

constexpr absl::Duration kLook = absl::Milliseconds(2);

std::vector<char*> Pointers(std::vector<std::string>* texts) {
  std::vector<char*> pointers;
  for (std::string& text : *texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& command, const ChildOptions& options) {
  // Everything that allocates comes before fork: the child of a process with threads may not.
  std::vector<std::string> arguments = command;
  std::vector<std::string> environment = options.environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    environment.emplace_back(*variable);
  }
  const std::vector<char*> argv = Pointers(&arguments);
  const std::vector<char*> envp = Pointers(&environment);
  const std::string log = options.log.empty() ? "/dev/null" : options.log;
  const int pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, absl::StrCat("fork for ", command[0]));
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const int file = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
    if (file < 0) _exit(126);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    close(file);
    if (!StayOn(options.cores).ok()) _exit(126);
    execvpe(argv[0], argv.data(), envp.data());
    _exit(127);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, log));
}

ChildProcess::~ChildProcess() {
  if (exit_status_.has_value()) return;
  Signal(SIGKILL);
  Wait(absl::InfiniteDuration());
}

void ChildProcess::Signal(int number) const {
  if (!exit_status_.has_value()) kill(pid_, number);
}

std::optional<int> ChildProcess::Wait(absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (!exit_status_.has_value()) {
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      exit_status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
      break;
    }
    if (absl::Now() >= end) return std::nullopt;
    absl::SleepFor(kLook);
  }
  return exit_status_;
}

absl::StatusOr<std::string> ChildProcess::WaitForLine(const std::string& file,
                                                      absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (absl::Now() < end && running()) {
    std::ifstream stream(file);
    std::string line;
    if (std::getline(stream, line)) return line;
    absl::SleepFor(kLook);
  }
  constexpr size_t kMost = 2000;
  std::ifstream file_of_log(log_);
  const std::string log((std::istreambuf_iterator<char>(file_of_log)), {});
  return absl::UnavailableError(absl::StrCat(
      file, " was not written: the program has ", running() ? "not come up in time" : "ended",
      "; its log ends with:\n", log.substr(log.size() - std::min(log.size(), kMost))));
}

absl::Duration ChildProcess::CpuTime() const {
  std::ifstream stat(absl::StrCat("/proc/", pid_, "/stat"));
  std::string text;
  std::getline(stat, text);
  // proc(5): after the name in brackets come state and 10 numbers, then utime and stime in ticks.
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return absl::ZeroDuration();
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = 0; i < 11; ++i) fields >> skipped;
  double user = 0, system = 0;
  fields >> user >> system;
  return absl::Seconds((user + system) / static_cast<double>(sysconf(_SC_CLK_TCK)));
}

absl::Status RunCommand(const std::vector<std::string>& command) {
  const TemporaryDirectory folder;
  const std::string log = folder / "log";
  const auto child = ChildProcess::Start(command, {.log = log});
  if (!child.ok()) return child.status();
  const int status = (*child)->Wait(absl::InfiniteDuration()).value_or(0);
  if (status == 0) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat(absl::StrJoin(command, " "), ": exit status ", status, ": ", ReadFile(log)));
}

absl::StatusOr<ProcessResources> ReadResources(int pid) {
  const std::string folder = absl::StrCat("/proc/", pid);
  ProcessResources resources;
  // Exact, where /proc/PID/stat lags behind by some pages a thread.
  std::ifstream rollup(folder + "/smaps_rollup");
  for (std::string line; std::getline(rollup, line);) {
    if (!absl::StartsWith(line, "Rss:")) continue;
    double kilobytes = 0;
    std::istringstream(line.substr(4)) >> kilobytes;
    resources.resident_bytes = 1024 * kilobytes;
  }
  if (resources.resident_bytes == 0) {
    return absl::NotFoundError(absl::StrCat("process ", pid, " tells no memory: has it ended?"));
  }
  std::error_code error;
  const std::filesystem::directory_iterator files(folder + "/fd", error);
  if (!error) resources.open_files = static_cast<int>(std::distance(begin(files), end(files)));
  const std::filesystem::directory_iterator tasks(folder + "/task", error);
  if (!error) resources.threads = static_cast<int>(std::distance(begin(tasks), end(tasks)));
  return resources;
}

}  // namespace rollout
