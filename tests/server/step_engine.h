// An engine for tests of what feeds engines: it advances transition by transition, when told to.
#ifndef ROLLOUT_TESTS_SERVER_STEP_ENGINE_H_
#define ROLLOUT_TESTS_SERVER_STEP_ENGINE_H_

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "models/engines/engine.h"

namespace rollout {

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixNanos(nanoseconds_.load()); }
  void Advance(absl::Duration by) { nanoseconds_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> nanoseconds_{int64_t{1'000'000'000'000}};
};

// final_state = initial state + the sum of the lane's controls, for states and controls of one
// number. Any thread.
class StepEngine final : public Engine {
 public:
  // At most `room` lanes at a time; each transition takes `transition` of `clock`.
  explicit StepEngine(ManualClock* clock, size_t room = 1 << 20,
                      absl::Duration transition = absl::ZeroDuration())
      : clock_(clock), room_(room), transition_(transition) {}

  absl::Status Check(const RolloutJob& job) const override {
    return job.horizon > 0 ? absl::OkStatus() : absl::InvalidArgumentError("no horizon");
  }

  absl::Status Compute(LaneFeed& feed) override {
    std::vector<Lane> lanes;
    while (true) {
      {
        MutexLock lock(&mutex_);
        if (fails_at_once_) return failure_;
      }
      while (lanes.size() < room_ && feed.waiting_lanes() > 0) {
        const LaneRange range = feed.Next(static_cast<int64_t>(room_ - lanes.size()));
        if (range.count == 0) break;
        for (int64_t i = 0; i < range.count; ++i) lanes.push_back({range.job, range.first + i});
      }
      if (lanes.empty()) return absl::OkStatus();
      const absl::Status status = WaitForPermit(lanes);
      for (Lane& lane : lanes) Advance(&lane);
      clock_->Advance(transition_);
      feed.BetweenTransitions();
      const auto ended = [&](const Lane& lane) {
        return !status.ok() || lane.step == lane.job->horizon || lane.job->cancelled->load();
      };
      const auto staying = std::stable_partition(lanes.begin(), lanes.end(), ended);
      const std::vector<Lane> left(lanes.begin(), staying);
      lanes.erase(lanes.begin(), staying);
      for (const Lane& lane : left) feed.Done({lane.job, lane.index, 1}, status);
      if (!status.ok()) return status;
    }
  }

  EngineInfo info() const override { return {"step", "cpu"}; }

  // From now on it does not wait for permits.
  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.NotifyAll();
  }
  // One more transition of whatever is under way.
  void Permit() {
    MutexLock lock(&mutex_);
    ++permits_;
    waiting_with_ = 0;
    changed_.NotifyAll();
  }
  // The next transition, or already the next call, ends with `failure`.
  void FailWith(absl::Status failure, bool at_once = false) {
    MutexLock lock(&mutex_);
    failure_ = std::move(failure);
    fails_at_once_ = at_once;
  }
  // Until it waits for a permit with `count` lanes under way.
  void WaitForLanes(size_t count) {
    MutexLock lock(&mutex_);
    while (waiting_with_ != count) changed_.Wait(&mutex_);
  }
  // Permits transitions until `count` lanes are under way: lanes join between two transitions.
  void FillWithLanes(size_t count) {
    MutexLock lock(&mutex_);
    while (waiting_with_ != count) {
      if (waiting_with_ > 0) {
        ++permits_;
        waiting_with_ = 0;
        changed_.NotifyAll();
      }
      changed_.Wait(&mutex_);
    }
  }
  // With a permit or open; those of cancelled lanes alone are not counted.
  int transitions() {
    MutexLock lock(&mutex_);
    return transitions_;
  }
  std::thread::id last_thread() {
    MutexLock lock(&mutex_);
    return last_thread_;
  }

 private:
  struct Lane {
    const RolloutJob* job;
    int64_t index;
    int64_t step = 0;
  };

  static void Advance(Lane* lane) {
    const RolloutJob& job = *lane->job;
    if (++lane->step != job.horizon || job.final_state.empty()) return;
    float sum = job.initial_states[job.initial_states.size() == 1 ? 0 : lane->index];
    for (int64_t t = 0; t < job.horizon; ++t) sum += job.controls[lane->index * job.horizon + t];
    job.final_state[lane->index] = sum;
  }

  // All flagged lanes need no permit, so that a batcher can be destroyed.
  absl::Status WaitForPermit(const std::vector<Lane>& lanes) {
    const auto cancelled = [](const Lane& lane) { return lane.job->cancelled->load(); };
    MutexLock lock(&mutex_);
    last_thread_ = std::this_thread::get_id();
    waiting_with_ = lanes.size();
    changed_.NotifyAll();
    while (!open_ && permits_ == 0) {
      if (std::all_of(lanes.begin(), lanes.end(), cancelled)) return failure_;
      changed_.WaitFor(&mutex_, absl::Milliseconds(1));
    }
    if (!open_) --permits_;
    waiting_with_ = 0;
    ++transitions_;
    return failure_;
  }

  ManualClock* const clock_;
  const size_t room_;
  const absl::Duration transition_;

  Mutex mutex_;
  ConditionVariable changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
  int permits_ ABSL_GUARDED_BY(mutex_) = 0;
  int transitions_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t waiting_with_ ABSL_GUARDED_BY(mutex_) = 0;
  std::thread::id last_thread_ ABSL_GUARDED_BY(mutex_);
  absl::Status failure_ ABSL_GUARDED_BY(mutex_);
  bool fails_at_once_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_STEP_ENGINE_H_
