// Where an engine takes its lanes from.
#ifndef ROLLOUT_MODELS_ENGINES_LANE_FEED_H_
#define ROLLOUT_MODELS_ENGINES_LANE_FEED_H_

#include <algorithm>
#include <atomic>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engines/rollout_job.h"

namespace rollout {

// Some neighbouring lanes of one job.
struct LaneRange {
  const RolloutJob* job = nullptr;
  int64_t first = 0;
  int64_t count = 0;
};

// Hands lanes to an engine and is told what became of them. An engine asks whenever it has room,
// between any two transitions, so that a lane that is finished or cancelled is replaced by a
// waiting one (continuous batching) and jobs of different horizons share one call. Every job has
// passed Engine::Check. Called from any of the engine's threads at once; never blocks for long.
class LaneFeed {
 public:
  virtual ~LaneFeed() = default;

  // At most `most` >= 1 lanes; count is 0 where none waits now. They are under way from here on.
  virtual LaneRange Next(int64_t most) = 0;

  // Lanes that wait now: a hint for how to share them among threads. Must be cheap.
  virtual int64_t waiting_lanes() const = 0;

  // `range` is no longer under way: its outputs are written (OK), or its job was cancelled (OK,
  // too: whoever cancels knows it), or the engine failed. Ranges may end in other pieces than those
  // in which they were handed out. After the last lane of a job the engine never looks at it again.
  virtual void Done(const LaneRange& range, const absl::Status& status) = 0;

  // Between two transitions of lanes under way: the time to raise flags of jobs whose deadline has
  // passed. Must be cheap.
  virtual void BetweenTransitions() {}
};

// The feed of a call that knows all its jobs. Any thread; lives as long as the call.
class JobsFeed final : public LaneFeed {
 public:
  explicit JobsFeed(absl::Span<const RolloutJob> jobs) : jobs_(jobs) {
    for (const RolloutJob& job : jobs) lanes_ += job.lanes;
  }

  LaneRange Next(int64_t most) override {
    int64_t from = next_.load(std::memory_order_relaxed);
    while (from < lanes_) {
      // Every call walks the jobs anew: there are few.
      int64_t first = from;
      const RolloutJob* job = jobs_.data();
      for (; first >= job->lanes; ++job) first -= job->lanes;
      const bool cancelled =
          job->cancelled != nullptr && job->cancelled->load(std::memory_order_relaxed);
      const int64_t left = job->lanes - first;
      const int64_t taken = cancelled ? left : std::min(most, left);
      if (!next_.compare_exchange_weak(from, from + taken, std::memory_order_relaxed)) continue;
      if (!cancelled) return {job, first, taken};
      from += taken;
    }
    return {};
  }

  int64_t waiting_lanes() const override { return lanes_ - next_.load(std::memory_order_relaxed); }

  void Done(const LaneRange&, const absl::Status&) override {}

 private:
  const absl::Span<const RolloutJob> jobs_;
  int64_t lanes_ = 0;             // of all jobs
  std::atomic<int64_t> next_{0};  // counts through them
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_LANE_FEED_H_
