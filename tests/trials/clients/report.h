#ifndef ROLLOUT_TESTS_TRIALS_CLIENTS_REPORT_H_
#define ROLLOUT_TESTS_TRIALS_CLIENTS_REPORT_H_

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rollout {

struct ReportOptions {
  std::string server;
  std::string model = "small";
  double rate = 5.0;  // reports a second, of 20 transitions each
  absl::Duration duration = absl::InfiniteDuration();
};

// Reports episodes of 200 transitions that the weights of seed 1 predict exactly, until it is told
// to end; prints how many reports were taken. The first error ends it, but UNAVAILABLE.
absl::Status Report(const ReportOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENTS_REPORT_H_
