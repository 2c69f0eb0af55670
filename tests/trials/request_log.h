// What became of each request of a client process, handed to the trial through a file.
#ifndef ROLLOUT_TESTS_TRIALS_REQUEST_LOG_H_
#define ROLLOUT_TESTS_TRIALS_REQUEST_LOG_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "tests/trials/trial_model.h"

namespace rollout {

// By the clock that all processes of a machine share and nobody sets (CLOCK_MONOTONIC), so that
// what clients saw can be laid beside what was done to the server.
int64_t MonotonicNanoseconds();

struct RequestRecord {
  int64_t due_ns = 0;  // when it should have been sent: a client that falls behind counts as late
  int64_t latency_ns = 0;  // from then to the answer
  uint64_t version = 0;
  uint64_t digest = 0;  // of the final state
  int32_t query = 0;
  int32_t code = 0;  // absl::StatusCode; the two before hold for 0 alone

  bool ok() const { return code == 0; }
  double latency_ms() const { return 1e-6 * static_cast<double>(latency_ns); }
};

// Any thread.
class RequestLog {
 public:
  // Writes to `path` at every Flush.
  explicit RequestLog(std::string path) : path_(std::move(path)) {}

  void Add(const RequestRecord& record) ABSL_LOCKS_EXCLUDED(mutex_);
  // Also remembers the first message of each code.
  void AddFailure(RequestRecord record, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Flush() ABSL_LOCKS_EXCLUDED(mutex_);
  std::map<int, std::string> FirstMessages() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  const std::string path_;
  Mutex mutex_;
  std::vector<RequestRecord> records_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::string> messages_ ABSL_GUARDED_BY(mutex_);
};

// Of several clients, in the order in which they were due. A client that was killed leaves what it
// had flushed; half a record at the end is left out.
absl::StatusOr<std::vector<RequestRecord>> ReadRequestLogs(const std::vector<std::string>& paths);

// In milliseconds, of the successful requests that `counts` (null = all): the smallest value that
// at least `fraction` are at or below; NaN where there are none.
double LatencyPercentile(const std::vector<RequestRecord>& records, double fraction,
                         const std::function<bool(const RequestRecord&)>& counts = nullptr);

// How many ended with each code, by name.
std::map<std::string, int64_t> CountCodes(const std::vector<RequestRecord>& records);
int64_t CountFailures(const std::vector<RequestRecord>& records);

// Successful ones whose digest is not the right one.
absl::StatusOr<int64_t> CountWrongAnswers(const std::vector<RequestRecord>& records,
                                          RightAnswers* right);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_REQUEST_LOG_H_
