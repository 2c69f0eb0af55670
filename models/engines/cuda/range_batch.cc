#include "models/engines/cuda/range_batch.h"

#include <algorithm>
#include <atomic>
#include <utility>

namespace rollout::cuda {
namespace {

bool WantsEveryState(const RolloutJob& job) {
  return !(job.trajectory.empty() && job.trajectory_spread.empty() && job.total_return.empty() &&
           job.return_spread.empty() && job.rewards.empty() && job.terminated_step.empty() &&
           job.first_non_finite_step.empty() && job.first_outside_step.empty());
}

}  // namespace

bool IsCancelled(const RolloutJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

RangeBatch::RangeBatch(std::vector<LaneRange> ranges, const TransitionModelSpec& spec,
                       const RolloutObjective& objective, std::vector<LaneRecorder>* recorders)
    : spec_(spec), ranges_(std::move(ranges)), recorders_(*recorders) {
  std::stable_sort(ranges_.begin(), ranges_.end(), [](const LaneRange& a, const LaneRange& b) {
    return a.job->horizon > b.job->horizon;
  });
  for (const LaneRange& range : ranges_) {
    lanes_ += range.count;
    controls_ += range.count * ControlRows(range.job->horizon, range.job->hold) * spec.num_controls;
    wants_every_state_ |= WantsEveryState(*range.job);
  }
  while (static_cast<int64_t>(recorders_.size()) < lanes_) {
    recorders_.emplace_back(spec, objective);
  }
  size_t lane = 0;
  for (const LaneRange& range : ranges_) {
    for (int64_t i = 0; i < range.count; ++i) recorders_[lane++].Start(*range.job, range.first + i);
  }
}

BatchSizes RangeBatch::Sizes() const {
  BatchSizes sizes;
  sizes.lanes = lanes_;
  sizes.ranges = static_cast<int64_t>(ranges_.size());
  sizes.controls = controls_;
  sizes.carried = spec_.ensemble_size * lanes_ * 4 * spec_.num_positions;
  return sizes;
}

void RangeBatch::Fill(absl::Span<fused::ScalarDynamics<double>> entry,
                      const BatchInputs& inputs) const {
  const int64_t n = spec_.num_positions;
  std::vector<double> q(n), v(n), p(n);
  int64_t offset = 0;
  int64_t first_lane = 0;
  for (size_t r = 0; r < ranges_.size(); ++r) {
    const LaneRange& range = ranges_[r];
    const RolloutJob& job = *range.job;
    const int64_t row = ControlRows(job.horizon, job.hold) * spec_.num_controls;
    std::copy_n(job.controls.begin() + range.first * row, range.count * row,
                inputs.controls.begin() + offset);
    inputs.stop[r] = 0;
    for (int64_t b = 0; b < range.count; ++b) {
      inputs.lanes[first_lane + b] = {.controls = offset + b * row,
                                      .horizon = static_cast<int32_t>(job.horizon),
                                      .hold = static_cast<int32_t>(job.hold),
                                      .range = static_cast<int32_t>(r),
                                      .unused = 0};
    }
    const bool shared = static_cast<int64_t>(job.initial_states.size()) == 2 * n;
    for (int64_t e = 0; e < spec_.ensemble_size; ++e) {
      float* first = inputs.carried.data() + (e * lanes_ + first_lane) * 4 * n;
      for (int64_t b = 0; b < range.count; ++b) {
        float* carried = first + b * 4 * n;
        if (shared && b > 0) {
          std::copy_n(first, 4 * n, carried);
          continue;
        }
        const float* initial = job.initial_states.data() + (shared ? 0 : (range.first + b) * 2 * n);
        std::copy_n(initial, 2 * n, carried);
        std::fill_n(carried + 2 * n, 2 * n, 0.0f);
        if (entry.empty()) continue;
        std::copy_n(initial, n, q.begin());
        std::copy_n(initial + n, n, v.begin());
        entry[e].Momentum(q, v, absl::MakeSpan(p));
        for (int64_t i = 0; i < n; ++i) {
          carried[n + i] = static_cast<float>(p[i]);
          carried[3 * n + i] = static_cast<float>(p[i] - static_cast<double>(carried[n + i]));
        }
      }
    }
    offset += range.count * row;
    first_lane += range.count;
  }
}

void RangeBatch::WatchCancellation(const BatchInputs& inputs) const {
  for (size_t r = 0; r < ranges_.size(); ++r) {
    if (!IsCancelled(*ranges_[r].job)) continue;
    std::atomic_ref<int32_t>(inputs.stop[r]).store(1, std::memory_order_relaxed);
  }
}

void RangeBatch::Record(const Segment& segment, absl::Span<const float> states) {
  const int64_t state_size = spec_.state_size();
  const int64_t member_stride = lanes_ * state_size;
  const int64_t step_stride = member_stride * spec_.ensemble_size;
  int64_t first_lane = 0;
  for (const LaneRange& range : ranges_) {
    const int64_t first = first_lane;
    first_lane += range.count;
    // Where the caller has gone the device may have stopped: nothing is there.
    if (IsCancelled(*range.job)) continue;
    const int64_t steps = std::min<int64_t>(segment.steps, range.job->horizon - segment.first_step);
    for (int64_t lane = first; lane < first_lane; ++lane) {
      LaneRecorder& recorder = recorders_[static_cast<size_t>(lane)];
      const float* state = states.data() + lane * state_size;
      for (int64_t step = 0; step < steps; ++step) {
        if (recorder.wants_state()) {
          const float* now = segment.every_state ? state + step * step_stride : state;
          recorder.Record<float>({now, member_stride, now + spec_.num_positions, member_stride});
        } else {
          recorder.Skip();
        }
      }
    }
  }
}

}  // namespace rollout::cuda
