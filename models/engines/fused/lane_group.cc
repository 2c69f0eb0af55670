#include "models/engines/fused/lane_group.h"

#include <algorithm>
#include <utility>

namespace rollout::fused {
namespace {

bool Cancelled(const RolloutJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

}  // namespace

LaneGroup::LaneGroup(const FusedModel& model, const Scoring& scoring,
                     std::unique_ptr<TransitionKernel> kernel, int max_lanes)
    : model_(model),
      max_lanes_(max_lanes),
      members_(static_cast<int>(model.members.size())),
      kernel_(std::move(kernel)),
      recorders_(max_lanes,
                 LaneRecorder(model.num_positions, model.num_controls, members_, scoring)),
      states_(size_t(members_) * max_lanes * 2 * model.num_positions),
      residuals_(states_.size()),
      velocities_(states_.size() / 2),
      controls_(max_lanes),
      entry_momenta_(size_t(members_) * model.num_positions),
      entry_q_(model.num_positions),
      entry_v_(model.num_positions) {
  if (model.learned_mass) {
    for (int member = 0; member < members_; ++member) entry_dynamics_.emplace_back(model, member);
  }
}

float* LaneGroup::State(int member, int slot) {
  return &states_[(size_t(member) * max_lanes_ + slot) * 2 * model_.num_positions];
}

float* LaneGroup::Residual(int member, int slot) {
  return &residuals_[(size_t(member) * max_lanes_ + slot) * 2 * model_.num_positions];
}

float* LaneGroup::Velocity(int member, int slot) {
  return &velocities_[(size_t(member) * max_lanes_ + slot) * model_.num_positions];
}

void LaneGroup::Run(LaneQueue& queue, int lanes) {
  job_index_ = 0;
  job_first_ = 0;
  entry_state_ = nullptr;
  active_ = 0;
  while (active_ < lanes && StartLane(queue, active_)) ++active_;
  while (active_ > 0) {
    AdvanceAll();
    for (int slot = 0; slot < active_;) {
      if (!recorders_[slot].finished() && !Cancelled(recorders_[slot].job())) {
        ++slot;
      } else if (StartLane(queue, slot)) {
        ++slot;
      } else {
        --active_;
        if (slot != active_) MoveLane(active_, slot);
      }
    }
  }
}

const RolloutJob* LaneGroup::Take(LaneQueue& queue, int64_t& lane) {
  while (true) {
    const int64_t next = queue.next.fetch_add(1, std::memory_order_relaxed);
    while (job_index_ < queue.jobs.size() && next >= job_first_ + queue.jobs[job_index_].lanes) {
      job_first_ += queue.jobs[job_index_].lanes;
      ++job_index_;
    }
    if (job_index_ == queue.jobs.size()) return nullptr;
    if (Cancelled(queue.jobs[job_index_])) continue;
    lane = next - job_first_;
    return &queue.jobs[job_index_];
  }
}

bool LaneGroup::StartLane(LaneQueue& queue, int slot) {
  int64_t lane = 0;
  const RolloutJob* job = Take(queue, lane);
  if (job == nullptr) return false;
  recorders_[slot].Start(*job, lane);
  SetInitialState(recorders_[slot].initial_state(), slot);
  return true;
}

void LaneGroup::SetInitialState(const float* initial, int slot) {
  const int n = model_.num_positions;
  if (model_.learned_mass && initial != entry_state_) {
    std::copy_n(initial, n, entry_q_.begin());
    std::copy_n(initial + n, n, entry_v_.begin());
    for (int member = 0; member < members_; ++member) {
      entry_dynamics_[member].Momentum(
          entry_q_, entry_v_, absl::MakeSpan(&entry_momenta_[size_t(member) * n], size_t(n)));
    }
    entry_state_ = initial;
  }
  for (int member = 0; member < members_; ++member) {
    float* state = State(member, slot);
    float* residual = Residual(member, slot);
    std::copy_n(initial, 2 * n, state);
    std::fill_n(residual, 2 * n, 0.0f);
    if (!model_.learned_mass) continue;
    for (int i = 0; i < n; ++i) {
      const double p = entry_momenta_[size_t(member) * n + i];
      state[n + i] = static_cast<float>(p);
      residual[n + i] = static_cast<float>(p - state[n + i]);
    }
  }
}

void LaneGroup::MoveLane(int from, int to) {
  const int n = model_.num_positions;
  std::swap(recorders_[from], recorders_[to]);
  for (int member = 0; member < members_; ++member) {
    std::copy_n(State(member, from), 2 * n, State(member, to));
    std::copy_n(Residual(member, from), 2 * n, Residual(member, to));
  }
}

void LaneGroup::AdvanceAll() {
  const int n = model_.num_positions;
  bool wants_velocities = false;
  for (int slot = 0; slot < active_; ++slot) {
    controls_[slot] = recorders_[slot].controls();
    wants_velocities = wants_velocities || recorders_[slot].wants_velocities();
  }
  wants_velocities = wants_velocities && model_.learned_mass;
  for (int member = 0; member < members_; ++member) {
    kernel_->Advance(member, {.lanes = active_,
                              .controls = controls_.data(),
                              .states = State(member, 0),
                              .residuals = Residual(member, 0),
                              .velocities = wants_velocities ? Velocity(member, 0) : nullptr});
  }
  const int64_t state_stride = int64_t(max_lanes_) * 2 * n;
  for (int slot = 0; slot < active_; ++slot) {
    const float* state = State(0, slot);
    if (wants_velocities) {
      recorders_[slot].Record(state, state_stride, Velocity(0, slot), int64_t(max_lanes_) * n);
    } else {
      recorders_[slot].Record(state, state_stride, state + n, state_stride);
    }
  }
}

}  // namespace rollout::fused
