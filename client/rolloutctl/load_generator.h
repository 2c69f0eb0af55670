// Keeps a number of calls in flight for a while and measures each.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_LOAD_GENERATOR_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_LOAD_GENERATOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace rollout {

// Starts one call that must not block, and runs `done` when it has ended.
using StartCall = std::function<void(std::function<void(absl::Status)> done)>;

// What a stretch of load came to.
struct LoadResult {
  std::vector<absl::Duration> latencies;    // of the calls that succeeded
  std::map<std::string, int64_t> failures;  // status code -> how many calls
  std::string first_failure;                // its message
  absl::Duration elapsed;                   // from the first start to the last end

  void Append(const LoadResult& other);
};

// Closed loop: `concurrency` calls in flight, each replaced when it ends, until `duration` has
// passed or `*stop` (which may be null) is true; then waits for the last ones. Blocks.
LoadResult GenerateLoad(const StartCall& start, int concurrency, absl::Duration duration,
                        const std::atomic<bool>* stop = nullptr);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_LOAD_GENERATOR_H_
