#include "client/rolloutctl/load_generator.h"

#include <utility>

#include "absl/time/clock.h"
#include "base/mutex.h"

namespace rollout {
namespace {

// The calls of one stretch. Callbacks come on threads of gRPC's and start the next call there.
class Loop {
 public:
  Loop(const StartCall& start, absl::Time end, const std::atomic<bool>* stop)
      : start_(start), end_(end), stop_(stop) {}

  void StartOne() {
    {
      MutexLock lock(&mutex_);
      ++in_flight_;
    }
    const absl::Time began = absl::Now();
    start_([this, began](absl::Status status) { Finish(began, status); });
  }

  LoadResult Wait() {
    MutexLock lock(&mutex_);
    while (in_flight_ > 0) idle_.Wait(&mutex_);
    return std::move(result_);
  }

 private:
  void Finish(absl::Time began, const absl::Status& status) {
    const absl::Time now = absl::Now();
    if (now < end_ && !(stop_ != nullptr && *stop_)) StartOne();
    MutexLock lock(&mutex_);
    if (status.ok()) {
      result_.latencies.push_back(now - began);
    } else {
      if (result_.failures.empty()) result_.first_failure = std::string(status.message());
      ++result_.failures[absl::StatusCodeToString(status.code())];
    }
    if (--in_flight_ == 0) idle_.NotifyAll();
  }

  const StartCall& start_;
  const absl::Time end_;
  const std::atomic<bool>* const stop_;
  Mutex mutex_;
  ConditionVariable idle_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  LoadResult result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

void LoadResult::Append(const LoadResult& other) {
  latencies.insert(latencies.end(), other.latencies.begin(), other.latencies.end());
  if (failures.empty()) first_failure = other.first_failure;
  for (const auto& [code, count] : other.failures) failures[code] += count;
  elapsed += other.elapsed;
}

LoadResult GenerateLoad(const StartCall& start, int concurrency, absl::Duration duration,
                        const std::atomic<bool>* stop) {
  const absl::Time began = absl::Now();
  Loop loop(start, began + duration, stop);
  for (int i = 0; i < concurrency; ++i) loop.StartOne();
  LoadResult result = loop.Wait();
  result.elapsed = absl::Now() - began;
  return result;
}

}  // namespace rollout
