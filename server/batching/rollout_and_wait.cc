#include "server/batching/rollout_and_wait.h"

#include <memory>
#include <vector>

#include "base/mutex.h"

namespace rollout {
namespace {

// Between looks at the flags of callers that give up.
constexpr absl::Duration kLook = absl::Milliseconds(20);

// Counts tasks down.
class Countdown {
 public:
  void Started() {
    MutexLock lock(&mutex_);
    ++running_;
  }
  void Done(const absl::Status& status) {
    MutexLock lock(&mutex_);
    --running_;
    result_.Update(status);
    changed_.NotifyAll();
  }
  // True where everything is done.
  bool WaitFor(absl::Duration timeout) {
    MutexLock lock(&mutex_);
    if (running_ > 0) changed_.WaitFor(&mutex_, timeout);
    return running_ == 0;
  }
  absl::Status result() {
    MutexLock lock(&mutex_);
    return result_;
  }

 private:
  Mutex mutex_;
  ConditionVariable changed_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status result_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

absl::Status RolloutAndWait(absl::Span<const RolloutJob> jobs, Batcher* batcher) {
  Countdown countdown;
  std::vector<std::unique_ptr<RolloutTask>> tasks;
  for (const RolloutJob& job : jobs) {
    tasks.push_back(std::make_unique<RolloutTask>());
    RolloutTask* task = tasks.back().get();
    task->job = job;
    task->done = [&countdown](const absl::Status& status) { countdown.Done(status); };
    countdown.Started();
    const absl::Status submitted = batcher->Submit(task);
    if (!submitted.ok()) countdown.Done(submitted);
  }
  std::vector<bool> told(jobs.size(), false);
  while (!countdown.WaitFor(kLook)) {
    for (size_t i = 0; i < jobs.size(); ++i) {
      if (told[i] || jobs[i].cancelled == nullptr || !jobs[i].cancelled->load()) continue;
      told[i] = true;
      batcher->Cancel(tasks[i].get());
    }
  }
  return countdown.result();
}

}  // namespace rollout
