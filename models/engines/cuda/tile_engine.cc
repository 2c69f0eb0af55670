#include "models/engines/cuda/tile_engine.h"

#include <algorithm>
#include <atomic>
#include <exception>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/cuda/range_batch.h"
#include "models/engines/device_fault.h"
#include "models/engines/fused/fused_engine.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/job_check.h"
#include "models/engines/lane_recorder.h"
#include "models/engines/rollout_objective.h"

namespace rollout::cuda {
namespace {

constexpr int kOneSize = 8;

// Hands out ranges that were taken from another feed.
class RangesFeed final : public LaneFeed {
 public:
  RangesFeed(absl::Span<const LaneRange> ranges, LaneFeed* source)
      : ranges_(ranges), source_(source) {
    for (const LaneRange& range : ranges) waiting_.fetch_add(range.count);
  }

  LaneRange Next(int64_t most) override {
    const MutexLock lock(&mutex_);
    if (next_ == ranges_.size()) return {};
    LaneRange range = ranges_[next_];
    range.first += taken_;
    range.count = std::min(most, range.count - taken_);
    taken_ += range.count;
    if (taken_ == ranges_[next_].count) {
      ++next_;
      taken_ = 0;
    }
    waiting_.fetch_sub(range.count);
    return range;
  }
  int64_t waiting_lanes() const override { return waiting_.load(std::memory_order_relaxed); }
  void Done(const LaneRange& range, const absl::Status& status) override {
    source_->Done(range, status);
  }
  void BetweenTransitions() override { source_->BetweenTransitions(); }

 private:
  const absl::Span<const LaneRange> ranges_;
  LaneFeed* const source_;
  std::atomic<int64_t> waiting_{0};
  Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;    // range
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;  // lanes of it
};

void Halve(absl::Span<const LaneRange> ranges, std::vector<LaneRange>* first,
           std::vector<LaneRange>* second) {
  const size_t half = ranges.size() / 2;
  first->assign(ranges.begin(), ranges.begin() + half);
  second->assign(ranges.begin() + half, ranges.end());
  if (half > 0) return;
  const LaneRange whole = ranges.front();
  *first = {{whole.job, whole.first, whole.count / 2}};
  *second = {{whole.job, whole.first + whole.count / 2, whole.count - whole.count / 2}};
}

// What the device code does not compute - gradients, and lanes that follow single members of an
// ensemble - is computed by the CPU's engine of the same model.
class TileEngine final : public Engine {
 public:
  TileEngine(const TransitionModelSpec& spec, fused::FusedModel model,
             const RolloutObjective& objective, std::unique_ptr<TileDevice> device,
             std::unique_ptr<Engine> cpu, const TileEngineOptions& options)
      : spec_(spec),
        model_(std::move(model)),
        objective_(objective),
        options_(options),
        device_(std::move(device)),
        cpu_(std::move(cpu)) {
    for (int member = 0; model_.learned_mass && member < spec.ensemble_size; ++member) {
      entry_.emplace_back(model_, member);
    }
  }

  // Plans the tiles and loads the weights.
  absl::Status Prepare() {
    const PackedTiles packed = PackTiles(spec_, model_);
    const DeviceLimits& limits = device_->limits();
    for (const int lanes : kTileLanes) {
      if (options_.tile_lanes != 0 && options_.tile_lanes != lanes) continue;
      if (auto planned = PlanTiles(packed.model, lanes, limits.shared_bytes)) {
        plans_.emplace(lanes, *planned);
        available_.push_back(lanes);
      }
    }
    if (options_.one_size && !available_.empty()) {
      const bool fits = plans_.count(kOneSize) > 0;
      available_ = {fits ? kOneSize : available_.front()};
    }
    if (plans_.empty()) {
      return absl::UnimplementedError(
          absl::StrCat("the fused CUDA engine does not compute model ", spec_.name,
                       ": its activations do not fit into the ", limits.shared_bytes,
                       " bytes of shared memory of a block on ", limits.name));
    }
    return device_->Load(packed.numbers);
  }

  absl::Status Check(const RolloutJob& job) const override { return ValidateJob(job, spec_); }

  // In whole batches: what comes while one is computed waits for the next.
  absl::Status Compute(LaneFeed& feed) override {
    while (true) {
      std::vector<LaneRange> ranges, single_members;
      for (int64_t lanes = 0; lanes < options_.batch_lanes;) {
        const LaneRange range = feed.Next(options_.batch_lanes - lanes);
        if (range.count == 0) break;
        lanes += range.count;
        const bool follows_one =
            spec_.ensemble_size > 1 && range.job->ensemble != EnsembleUse::kAllMembers;
        (follows_one ? single_members : ranges).push_back(range);
      }
      if (ranges.empty() && single_members.empty()) return absl::OkStatus();
      absl::Status status = ComputeRanges(ranges, feed);
      if (!single_members.empty()) {
        RangesFeed cpu_feed(single_members, &feed);
        const absl::Status on_cpu = cpu_->Compute(cpu_feed);
        if (status.ok()) status = on_cpu;
      }
      if (!status.ok()) return status;
    }
  }

  absl::Status Gradient(absl::Span<const GradientJob> jobs) override {
    return cpu_->Gradient(jobs);
  }

  EngineInfo info() const override { return {.engine = "fused", .device = device_->limits().name}; }

  absl::Status health() const override {
    const MutexLock lock(&mutex_);
    return lost_;
  }

 private:
  // Computes `ranges` and reports every one of them done.
  absl::Status ComputeRanges(absl::Span<const LaneRange> ranges, LaneFeed& feed) {
    absl::Status status = health();
    if (status.ok() && !ranges.empty()) {
      try {
        status = ComputeBatch(ranges, feed);
      } catch (const std::exception& error) {  // memory of the host
        status = absl::ResourceExhaustedError(error.what());
      }
      if (absl::IsUnavailable(status)) {
        const MutexLock lock(&mutex_);
        lost_ = status;
      }
    }
    // Too much at once: one half after the other.
    if (absl::IsResourceExhausted(status) && (ranges.size() > 1 || ranges.front().count > 1)) {
      std::vector<LaneRange> first, second;
      Halve(ranges, &first, &second);
      status = ComputeRanges(first, feed);
      const absl::Status rest = ComputeRanges(second, feed);
      return status.ok() ? rest : status;
    }
    if (absl::IsResourceExhausted(status)) status = AsUnavailable(status);
    for (const LaneRange& range : ranges) feed.Done(range, status);
    return status;
  }

  absl::Status ComputeBatch(absl::Span<const LaneRange> ranges, LaneFeed& feed) {
    RangeBatch batch({ranges.begin(), ranges.end()}, spec_, objective_, &recorders_);
    const int64_t states_of_step = batch.lanes() * spec_.ensemble_size * spec_.state_size();
    Segment segment;
    segment.every_state = batch.wants_every_state();
    segment.tile_lanes = ChooseTileLanes(batch.lanes(), spec_.ensemble_size,
                                         device_->limits().multiprocessors, available_);
    const int64_t most_steps = segment.every_state
                                   ? std::max<int64_t>(1, options_.segment_states / states_of_step)
                                   : batch.horizon();
    BatchSizes sizes = batch.Sizes();
    sizes.states =
        states_of_step * (segment.every_state ? std::min<int64_t>(most_steps, batch.horizon()) : 1);
    const absl::StatusOr<BatchInputs> inputs = device_->Prepare(sizes);
    if (!inputs.ok()) return inputs.status();
    batch.Fill(absl::MakeSpan(entry_), *inputs);
    if (absl::Status status = device_->Upload(); !status.ok()) return status;

    Segment under_way[2];
    int started = 0;
    const auto collect = [&](int index) {
      return Collect(index % 2, under_way[index % 2], *inputs, feed, &batch);
    };
    for (int64_t first = 0; first < batch.horizon(); first += most_steps, ++started) {
      segment.first_step = static_cast<int>(first);
      segment.steps = static_cast<int>(std::min(most_steps, batch.horizon() - first));
      if (started >= 2) {
        if (absl::Status status = collect(started - 2); !status.ok()) return status;
      }
      under_way[started % 2] = segment;
      const TileModel& plan = plans_.at(segment.tile_lanes);
      if (absl::Status status = device_->Start(started % 2, plan, segment); !status.ok()) {
        return status;
      }
    }
    for (int i = std::max(0, started - 2); i < started; ++i) {
      if (absl::Status status = collect(i); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  // Waits for a segment and records its states. The thread asks again and again, since a rollout of
  // one lane is done in less time than it takes to wake up.
  absl::Status Collect(int slot, const Segment& segment, const BatchInputs& inputs, LaneFeed& feed,
                       RangeBatch* batch) {
    while (true) {
      const absl::StatusOr<bool> done = device_->Done(slot);
      if (!done.ok()) return done.status();
      if (*done) break;
      feed.BetweenTransitions();
      batch->WatchCancellation(inputs);
      std::this_thread::yield();
    }
    batch->Record(segment, device_->States(slot));
    return absl::OkStatus();
  }

  const TransitionModelSpec spec_;
  const fused::FusedModel model_;
  const RolloutObjective objective_;
  const TileEngineOptions options_;
  const std::unique_ptr<TileDevice> device_;
  const std::unique_ptr<Engine> cpu_;
  std::vector<fused::ScalarDynamics<double>> entry_;  // [E] with a learned mass
  std::map<int, TileModel> plans_;                    // by lanes of a tile
  std::vector<int> available_;                        // keys of plans_
  std::vector<LaneRecorder> recorders_;               // kept from batch to batch
  mutable Mutex mutex_;
  absl::Status lost_ ABSL_GUARDED_BY(mutex_);  // why the device does not work any more
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeTileEngine(const TransitionModel& model,
                                                       std::unique_ptr<TileDevice> device,
                                                       const TileEngineOptions& options) {
  if (absl::Status status = CheckTilesTake(model.spec); !status.ok()) return status;
  auto fused_model = fused::MakeFusedModel(model);
  if (!fused_model.ok()) return fused_model.status();
  const auto objective = RolloutObjective::Find(model.spec);
  if (!objective.ok()) return objective.status();
  auto cpu =
      FusedCpuEngineModule().create(model, {.device = "cpu", .threads = options.cpu_threads});
  if (!cpu.ok()) return cpu.status();
  auto engine = std::make_unique<TileEngine>(model.spec, *std::move(fused_model), *objective,
                                             std::move(device), *std::move(cpu), options);
  if (absl::Status status = engine->Prepare(); !status.ok()) return status;
  return engine;
}

}  // namespace rollout::cuda
