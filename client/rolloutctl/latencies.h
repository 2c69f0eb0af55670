// The latencies of many calls, told honestly: exact percentiles, no averages of percentiles.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_LATENCIES_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_LATENCIES_H_

#include <string>
#include <vector>

#include "absl/time/time.h"

namespace rollout {

// Keeps every value; one thread.
class Latencies {
 public:
  void Add(absl::Duration latency) {
    values_.push_back(latency);
    sorted_ = false;
  }
  void Add(const std::vector<absl::Duration>& latencies);

  size_t count() const { return values_.size(); }

  // The smallest value that at least `fraction` of all are at or below; zero where there is none.
  absl::Duration Percentile(double fraction);

  // One bar for each factor of two from the fastest to the slowest, for instance
  // "0.13 ms ▁▃█▅▁ 4.2 ms".
  std::string Histogram();

 private:
  void Sort();

  std::vector<absl::Duration> values_;
  bool sorted_ = true;
};

// "0.132 ms"
std::string FormatMilliseconds(absl::Duration duration);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_LATENCIES_H_
