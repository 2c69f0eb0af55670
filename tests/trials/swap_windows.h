// When a server was busy with a new version, and which requests met that.
#ifndef ROLLOUT_TESTS_TRIALS_SWAP_WINDOWS_H_
#define ROLLOUT_TESTS_TRIALS_SWAP_WINDOWS_H_

#include <cstdint>
#include <vector>

#include "tests/trials/request_log.h"

namespace rollout {

struct Publication {
  int64_t version = 0;
  int64_t begin_ns = 0;  // before the publisher began
  bool good = true;
};

struct TimeSpan {
  int64_t begin_ns = 0;
  int64_t end_ns = 0;
};

struct SwapWindows {
  std::vector<TimeSpan> spans;          // ascending, apart from each other
  std::vector<int64_t> never_answered;  // good versions
  int64_t median_ns = 0;                // length of a window
};

// The window of a good version lasts from before its publication until some request was answered by
// it or a newer one, and `margin_ns` more; that of a damaged one as long as the median of the good.
// `records` as ReadRequestLogs orders them.
SwapWindows FindSwapWindows(const std::vector<Publication>& publications,
                            const std::vector<RequestRecord>& records, int64_t margin_ns);

// Whether a request was under way during any of `spans`.
bool MeetsAny(const RequestRecord& record, const std::vector<TimeSpan>& spans);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_SWAP_WINDOWS_H_
