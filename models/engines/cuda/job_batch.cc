#include "models/engines/cuda/job_batch.h"

#include <algorithm>
#include <atomic>

namespace rollout::cuda {

bool IsCancelled(const RolloutJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

JobBatch::JobBatch(absl::Span<const RolloutJob* const> jobs, const TransitionModelSpec& spec,
                   const RolloutObjective& objective)
    : spec_(spec) {
  std::vector<const RolloutJob*> alive;
  for (const RolloutJob* job : jobs) {
    if (!IsCancelled(*job)) alive.push_back(job);
  }
  std::stable_sort(alive.begin(), alive.end(), [](const RolloutJob* a, const RolloutJob* b) {
    return a->horizon > b->horizon;
  });
  for (const RolloutJob* job : alive) {
    members_.push_back({job, lanes_, std::make_unique<RolloutOutputs>(*job, spec, objective)});
    lanes_ += job->lanes;
    controls_ += static_cast<int64_t>(job->controls.size());
    wants_every_state_ |= members_.back().outputs->needs_every_state();
  }
}

BatchSizes JobBatch::Sizes() const {
  BatchSizes sizes;
  sizes.lanes = lanes_;
  sizes.jobs = static_cast<int64_t>(members_.size());
  sizes.controls = controls_;
  sizes.carried = spec_.ensemble_size * lanes_ * 4 * spec_.num_positions;
  return sizes;
}

void JobBatch::Fill(absl::Span<fused::ScalarDynamics<double>> entry,
                    const BatchInputs& inputs) const {
  const int64_t n = spec_.num_positions;
  const int64_t members = spec_.ensemble_size;
  std::vector<double> q(n), v(n), p(n);
  int64_t offset = 0;
  for (size_t j = 0; j < members_.size(); ++j) {
    const RolloutJob& job = *members_[j].job;
    std::copy(job.controls.begin(), job.controls.end(), inputs.controls.begin() + offset);
    inputs.stop[j] = 0;
    const bool shared = static_cast<int64_t>(job.initial_states.size()) == 2 * n;
    for (int64_t b = 0; b < job.lanes; ++b) {
      const int64_t lane = members_[j].first_lane + b;
      inputs.control_offset[lane] = offset + b * job.horizon * spec_.num_controls;
      inputs.horizon[lane] = static_cast<int32_t>(job.horizon);
      inputs.job[lane] = static_cast<int32_t>(j);
    }
    for (int64_t e = 0; e < members; ++e) {
      float* first = inputs.carried.data() + (e * lanes_ + members_[j].first_lane) * 4 * n;
      for (int64_t b = 0; b < job.lanes; ++b) {
        float* carried = first + b * 4 * n;
        if (shared && b > 0) {
          std::copy_n(first, 4 * n, carried);
          continue;
        }
        const float* initial = job.initial_states.data() + b * 2 * n;
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
    offset += static_cast<int64_t>(job.controls.size());
  }
}

void JobBatch::WatchCancellation(const BatchInputs& inputs) const {
  for (size_t j = 0; j < members_.size(); ++j) {
    if (!IsCancelled(*members_[j].job)) continue;
    std::atomic_ref<int32_t>(inputs.stop[j]).store(1, std::memory_order_relaxed);
  }
}

void JobBatch::Write(const Segment& segment, absl::Span<const float> states) {
  const int64_t member_stride = lanes_ * spec_.state_size();
  const int64_t step_stride = member_stride * spec_.ensemble_size;
  for (const Member& member : members_) {
    if (IsCancelled(*member.job)) continue;  // the device may have stopped: nothing is there
    const float* first = states.data() + member.first_lane * spec_.state_size();
    if (!segment.every_state) {
      member.outputs->Write(member.job->horizon - 1, first, member_stride);
      continue;
    }
    const int64_t steps =
        std::min<int64_t>(segment.steps, member.job->horizon - segment.first_step);
    for (int64_t step = 0; step < steps; ++step) {
      member.outputs->Write(segment.first_step + step, first + step * step_stride, member_stride);
    }
  }
}

void JobBatch::Finish() {
  for (const Member& member : members_) {
    if (!IsCancelled(*member.job)) member.outputs->Finish();
  }
}

}  // namespace rollout::cuda
