#include "bench/serving/child_process.h"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace rollout::bench {
namespace {

constexpr absl::Duration kEndTimeout = absl::Seconds(5);
constexpr absl::Duration kLook = absl::Milliseconds(20);

std::string Tail(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  text << file.rdbuf();
  const std::string all = text.str();
  constexpr size_t kMost = 2000;
  return all.size() > kMost ? all.substr(all.size() - kMost) : all;
}

}  // namespace

absl::Status StayOn(const Cores& cores) {
  if (cores.empty()) return absl::OkStatus();
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof(set), &set) == 0) return absl::OkStatus();
  return absl::ErrnoToStatus(errno, "sched_setaffinity");
}

absl::StatusOr<std::unique_ptr<ChildProcess>> ChildProcess::Start(
    const std::vector<std::string>& command, const Cores& cores, const std::string& log_file) {
  if (access(command[0].c_str(), X_OK) != 0) {
    return absl::NotFoundError(absl::StrCat(command[0], " is no program; build it first"));
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));
  }
  arguments.push_back(nullptr);
  const pid_t pid = fork();
  if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
  if (pid == 0) {
    const int log = open(log_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (log < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0 || !StayOn(cores).ok()) _exit(126);
    execv(arguments[0], arguments.data());
    _exit(127);
  }
  return std::unique_ptr<ChildProcess>(new ChildProcess(pid, log_file));
}

bool ChildProcess::Ended() {
  if (!ended_) ended_ = waitpid(pid_, nullptr, WNOHANG) == pid_;
  return ended_;
}

absl::StatusOr<std::string> ChildProcess::WaitForLine(const std::string& file,
                                                      absl::Duration timeout) {
  const absl::Time end = absl::Now() + timeout;
  while (absl::Now() < end && !Ended()) {
    std::ifstream stream(file);
    std::string line;
    if (std::getline(stream, line)) return line;
    absl::SleepFor(kLook);
  }
  return absl::UnavailableError(
      absl::StrCat("a program did not come up; its log ends with:\n", Tail(log_file_)));
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

ChildProcess::~ChildProcess() {
  if (Ended()) return;
  kill(pid_, SIGTERM);
  const absl::Time end = absl::Now() + kEndTimeout;
  while (!Ended() && absl::Now() < end) absl::SleepFor(kLook);
  if (ended_) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

}  // namespace rollout::bench
