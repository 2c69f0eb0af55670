#include "bench/serving/whole_batches.h"

#include <algorithm>
#include <list>
#include <map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "models/engines/fused/fused_engine.h"

namespace rollout::bench {
namespace {

// One batch, taken from another feed when this object is made; lives as long as the engine's call.
class BatchFeed final : public LaneFeed {
 public:
  BatchFeed(LaneFeed* source, const TransitionModelSpec& spec, FinishedLane finished)
      : source_(source), finished_(finished) {
    // Whatever waits: the source says where the batch is full.
    for (LaneRange range = source->Next(kAll); range.count > 0; range = source->Next(kAll)) {
      waiting_.push_back(range);
      waiting_lanes_ += range.count;
      longest_ = std::max(longest_, range.job->horizon);
    }
    if (finished_ == FinishedLane::kRollsOnInVain) {
      zeros_.assign(std::max<size_t>(spec.state_size(), longest_ * spec.num_controls), 0.0f);
      for (const LaneRange& range : waiting_) AddFiller(spec, longest_ - range.job->horizon);
    }
  }

  LaneRange Next(int64_t most) override ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (waiting_.empty()) return {};
    LaneRange& front = waiting_.front();
    const LaneRange taken = {front.job, front.first, std::min(most, front.count)};
    front.first += taken.count;
    front.count -= taken.count;
    if (front.count == 0) waiting_.pop_front();
    waiting_lanes_.fetch_sub(taken.count);
    return taken;
  }

  int64_t waiting_lanes() const override { return waiting_lanes_.load(); }

  void Done(const LaneRange& range, const absl::Status& status) override
      ABSL_LOCKS_EXCLUDED(mutex_) {
    if (range.job->owner == this) return;  // a lane that filled a place
    if (finished_ == FinishedLane::kRollsOnInVain) {
      const auto filler = fillers_.find(longest_ - range.job->horizon);
      if (filler != fillers_.end()) {
        MutexLock lock(&mutex_);
        for (int64_t i = 0; i < range.count; ++i) waiting_.push_back({&filler->second, 0, 1});
        waiting_lanes_.fetch_add(range.count);
      }
    }
    source_->Done(range, status);
  }

  void BetweenTransitions() override { source_->BetweenTransitions(); }

 private:
  static constexpr int64_t kAll = int64_t{1} << 30;

  // A lane that nobody asked for, of the transitions by which others are longer.
  void AddFiller(const TransitionModelSpec& spec, int64_t horizon) {
    if (horizon == 0 || fillers_.count(horizon) > 0) return;
    RolloutJob job;
    job.lanes = 1;
    job.horizon = horizon;
    job.initial_states = absl::MakeConstSpan(zeros_).first(spec.state_size());
    job.controls = absl::MakeConstSpan(zeros_).first(horizon * spec.num_controls);
    job.owner = this;
    fillers_.emplace(horizon, job);
  }

  LaneFeed* const source_;
  const FinishedLane finished_;
  int64_t longest_ = 0;
  std::vector<float> zeros_;
  std::map<int64_t, RolloutJob> fillers_;  // by horizon; fixed once made
  Mutex mutex_;
  std::list<LaneRange> waiting_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int64_t> waiting_lanes_{0};
};

class WholeBatchEngine final : public Engine {
 public:
  WholeBatchEngine(const TransitionModelSpec& spec, std::unique_ptr<Engine> engine,
                   FinishedLane finished)
      : spec_(spec), engine_(std::move(engine)), finished_(finished) {}

  absl::Status Check(const RolloutJob& job) const override { return engine_->Check(job); }

  absl::Status Compute(LaneFeed& feed) override {
    BatchFeed batch(&feed, spec_, finished_);
    while (batch.waiting_lanes() > 0) {
      if (absl::Status status = engine_->Compute(batch); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  absl::Status Gradient(absl::Span<const GradientJob> jobs) override {
    return engine_->Gradient(jobs);
  }

  EngineInfo info() const override { return {.engine = "whole-batches", .device = "cpu"}; }

 private:
  const TransitionModelSpec spec_;
  const std::unique_ptr<Engine> engine_;
  const FinishedLane finished_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeWholeBatchEngine(const TransitionModel& model,
                                                             const EngineOptions& options,
                                                             FinishedLane finished) {
  auto engine = FusedCpuEngineModule().create(model, options);
  if (!engine.ok()) return engine.status();
  return std::make_unique<WholeBatchEngine>(model.spec, *std::move(engine), finished);
}

}  // namespace rollout::bench
