// The metrics page of a server, as much of it as a terminal can show.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_METRICS_PAGE_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_METRICS_PAGE_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace rollout {

// One line of the text format: name{label="value",...} number.
struct MetricSample {
  std::string name;
  std::map<std::string, std::string> labels;
  double value = 0.0;
};

// Lines that are neither comments nor samples are left out: the page is somebody else's to check.
std::vector<MetricSample> ParseMetrics(absl::string_view page);

// GET http://<address>/metrics; `address` is host:port. UNAVAILABLE naming the address.
absl::StatusOr<std::string> FetchMetrics(const std::string& address, absl::Duration timeout);

// Cumulative counts by upper bound, the last one infinity.
using Buckets = std::map<double, double>;

// What came between two looks; all of `now` where `before` has nothing.
Buckets Since(const Buckets& before, const Buckets& now);

// As Prometheus computes it: linear within the bucket that holds the rank; the second highest bound
// where the rank is in the infinite one; NaN without counts.
double BucketQuantile(const Buckets& buckets, double quantile);

// What a server has done since it started, read off its metrics.
struct Traffic {
  absl::Time when;
  std::map<std::string, Buckets> durations;  // by method, seconds
  std::map<std::string, double> calls;       // by method
  std::map<std::string, double> failures;    // by method: codes other than OK
  // Of rollouts, by model and version; then by "decode", "queue", "compute", "reply"; seconds.
  std::map<std::pair<std::string, std::string>, std::map<std::string, Buckets>> phases;
  double transitions = 0.0;
  double rejected = 0.0;
  double queue_lanes = 0.0;  // now

  static Traffic From(const std::vector<MetricSample>& samples, absl::Time when);
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_METRICS_PAGE_H_
