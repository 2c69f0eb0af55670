// One rolloutd, started as an operator starts it.
#ifndef ROLLOUT_TESTS_TRIALS_SERVER_PROCESS_H_
#define ROLLOUT_TESTS_TRIALS_SERVER_PROCESS_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "client/rolloutctl/metrics_page.h"
#include "tests/support/child_process.h"

namespace rollout {

// The folder of rolloutd and rollout-trainer: ROLLOUT_BIN, or ../bin beside this program.
std::string BinFolder();

// Polls until `condition` holds. DEADLINE_EXCEEDED naming `what` where it does not in `patience`.
absl::Status WaitUntil(const std::string& what, const std::function<bool()>& condition,
                       absl::Duration patience = absl::Seconds(60));

struct ServerProcessOptions {
  std::string repository;
  std::string folder;                  // of its log and port file
  std::string log;                     // empty = in `folder`
  std::string listen = "127.0.0.1:0";  // port 0: the system's choice
  absl::Duration poll_interval = absl::Milliseconds(20);
  std::vector<std::string> arguments;    // further ones of rolloutd
  std::vector<std::string> environment;  // further variables, "NAME=value"
};

// Owned and used by one thread; ended with this object.
class ServerProcess {
 public:
  // Returns once it is ready. UNAVAILABLE with its log where it ends before.
  static absl::StatusOr<std::unique_ptr<ServerProcess>> Start(const ServerProcessOptions& options);

  const std::string& address() const { return address_; }
  ChildProcess& process() { return *process_; }
  bool running() { return process_->running(); }
  std::string Log() const;

  absl::StatusOr<ProcessResources> Resources() const { return ReadResources(process_->pid()); }
  absl::StatusOr<std::vector<MetricSample>> Metrics() const;
  // The sum over all series of a metric; 0 where there is none.
  double Metric(const std::string& name) const;
  // Requests of `method` that ended with `code` ("OK"), as counts by upper bound in seconds.
  Buckets Durations(const std::string& method, const std::string& code) const;

 private:
  ServerProcess(std::string log, std::unique_ptr<ChildProcess> process)
      : log_(std::move(log)), process_(std::move(process)) {}

  const std::string log_;
  const std::unique_ptr<ChildProcess> process_;
  std::string address_;
  std::string metrics_address_;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_SERVER_PROCESS_H_
