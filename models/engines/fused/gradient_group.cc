#include "models/engines/fused/gradient_group.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <utility>

namespace rollout::fused {
namespace {

bool Cancelled(const GradientJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

template <typename T>
void GrowTo(size_t size, std::vector<T>& values) {
  if (values.size() < size) values.resize(size);
}

// Pages come as they are written; large ones where the system has them, for the records of many
// lanes go far beyond what the translation of small ones can keep.
std::unique_ptr<float[], FreeRecords> AllocateRecords(size_t numbers) {
  constexpr size_t kLargePage = size_t{2} << 20;
  const size_t bytes = (numbers * sizeof(float) + 63) / 64 * 64;
  const size_t alignment = bytes >= kLargePage ? kLargePage : 64;
  const size_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  if (alignment == kLargePage) madvise(memory, rounded, MADV_HUGEPAGE);  // a wish: may fail
  return std::unique_ptr<float[], FreeRecords>(static_cast<float*>(memory));
}

}  // namespace

GradientGroup::GradientGroup(const FusedModel& model, const TransitionModelSpec& spec,
                             const DifferentiableReward& reward,
                             std::unique_ptr<GradientKernel> kernel, int max_lanes,
                             size_t record_bytes)
    : model_(model),
      n_(model.num_positions),
      members_(static_cast<int>(model.members.size())),
      kernel_(std::move(kernel)),
      // One transition of all lanes fits whatever the limit.
      most_records_(std::max(record_bytes / sizeof(float), kernel_->RecordSize(max_lanes))),
      objectives_(max_lanes, LaneObjective(spec, reward)),
      states_(max_lanes * 2 * n_),
      residuals_(states_.size()),
      velocities_(max_lanes * n_),
      controls_(max_lanes),
      cotangents_(states_.size()),
      by_reported_(states_.size()),
      by_earlier_(states_.size()),
      by_velocity_(max_lanes * n_),
      by_control_(static_cast<size_t>(max_lanes * model.num_controls)),
      total_return_(max_lanes),
      final_state_(states_.size()),
      first_non_finite_step_(max_lanes),
      diverged_(max_lanes),
      by_no_control_(model.num_controls),
      no_control_(model.num_controls) {
  for (auto* values :
       {&entry_q_, &entry_v_, &entry_p_, &by_entry_q_, &by_entry_p_, &by_entry_v_, &no_rate_}) {
    values->resize(n_);
  }
  if (!model.learned_mass) return;
  for (int member = 0; member < members_; ++member) {
    entry_dynamics_.emplace_back(model, member);
    entry_vjps_.emplace_back(model, member);
  }
}

const float* GradientGroup::Initial(int lane) const {
  const bool shared = job_->initial_states.size() == 2 * n_;
  return job_->initial_states.data() + (shared ? 0 : static_cast<size_t>(first_ + lane) * 2 * n_);
}

float* GradientGroup::Controls(int lane, int64_t step) const {
  return control_gradient_ + (lane * job_->horizon + step) * model_.num_controls;
}

float* GradientGroup::Reported(const Stretch& stretch, int64_t step, int lane) {
  return &reported_[static_cast<size_t>((step - stretch.begin) * lanes_ + lane) * 2 * n_];
}

GradientGroup::Stretch GradientGroup::StretchOf(int64_t index) const {
  return {index * stretch_length_, std::min((index + 1) * stretch_length_, job_->horizon)};
}

// As few stretches as memory allows, of nearly equal length.
void GradientGroup::Plan() {
  const size_t record_size = kernel_->RecordSize(lanes_);
  const int64_t most = static_cast<int64_t>(most_records_ / record_size);
  stretches_ = (job_->horizon + most - 1) / most;
  stretch_length_ = (job_->horizon + stretches_ - 1) / stretches_;
  stretches_ = (job_->horizon + stretch_length_ - 1) / stretch_length_;
  const size_t records = static_cast<size_t>(stretch_length_) * record_size;
  if (records > records_size_) {
    records_.reset();
    records_size_ = 0;
    records_ = AllocateRecords(records);
    records_size_ = records;
  }
  GrowTo(static_cast<size_t>(stretch_length_ + 1) * lanes_ * 2 * n_, reported_);
  GrowTo(static_cast<size_t>(stretches_) * lanes_ * 6 * n_, stretch_states_);
}

void GradientGroup::Compute(const GradientJob& job, int64_t first, int lanes,
                            float* initial_gradient) {
  job_ = &job;
  first_ = first;
  lanes_ = lanes;
  initial_gradient_ = initial_gradient;
  Plan();
  const size_t lane_controls = static_cast<size_t>(job.horizon) * model_.num_controls;
  if (job.controls_gradient.empty()) {
    GrowTo(lanes * lane_controls, own_control_gradient_);
    control_gradient_ = own_control_gradient_.data();
  } else {
    control_gradient_ = job.controls_gradient.data() + first * lane_controls;
  }
  std::fill_n(control_gradient_, lanes * lane_controls, 0.0f);
  std::fill_n(initial_gradient, lanes * 2 * n_, 0.0f);
  std::fill(total_return_.begin(), total_return_.end(), 0.0);
  std::fill(final_state_.begin(), final_state_.end(), 0.0);
  std::fill(diverged_.begin(), diverged_.end(), 0);
  std::fill(first_non_finite_step_.begin(), first_non_finite_step_.end(),
            static_cast<int32_t>(job.horizon + 1));
  for (int member = 0; member < members_; ++member) {
    for (int lane = 0; lane < lanes; ++lane) objectives_[lane].Start(job, first + lane);
    SetInitialStates(member);
    for (int64_t i = 0; i < stretches_; ++i) {
      const Stretch stretch = StretchOf(i);
      // The last state of the stretch before is the first of this one.
      if (i > 0) {
        std::copy_n(Reported(StretchOf(i - 1), stretch.begin, 0), lanes * 2 * n_,
                    reported_.begin());
      }
      Save(stretch);
      if (!Forward(member, stretch, i + 1 == stretches_, true)) return;
    }
    for (int lane = 0; lane < lanes; ++lane) {
      const LaneObjective& objective = objectives_[lane];
      const float* end = Reported(StretchOf(stretches_ - 1), job.horizon, lane);
      for (size_t i = 0; i < 2 * n_; ++i) final_state_[lane * 2 * n_ + i] += end[i];
      total_return_[lane] += objective.total_return();
      first_non_finite_step_[lane] =
          std::min(first_non_finite_step_[lane], objective.first_non_finite_step());
      if (objective.diverged()) diverged_[lane] = 1;
    }
    std::fill(cotangents_.begin(), cotangents_.end(), 0.0f);
    std::fill(by_reported_.begin(), by_reported_.end(), 0.0f);
    for (int64_t i = stretches_; i-- > 0;) {
      const Stretch stretch = StretchOf(i);
      if (i + 1 < stretches_) {
        Restore(stretch);
        if (!Forward(member, stretch, true, false)) return;
      }
      for (int64_t step = stretch.end; step-- > stretch.begin;) {
        if (Cancelled(job)) return;
        StepBack(member, stretch, step);
      }
    }
    EntryBack(member);
  }
  WriteResults();
}

void GradientGroup::SetInitialStates(int member) {
  std::fill(residuals_.begin(), residuals_.end(), 0.0f);
  for (int lane = 0; lane < lanes_; ++lane) {
    const float* initial = Initial(lane);
    float* state = &states_[lane * 2 * n_];
    std::copy_n(initial, 2 * n_, state);
    std::copy_n(initial, 2 * n_, Reported({0, 0}, 0, lane));
    if (!model_.learned_mass) continue;
    std::copy_n(initial, n_, entry_q_.begin());
    std::copy_n(initial + n_, n_, entry_v_.begin());
    entry_dynamics_[member].Momentum(entry_q_, entry_v_, absl::MakeSpan(entry_p_));
    for (size_t i = 0; i < n_; ++i) {
      state[n_ + i] = static_cast<float>(entry_p_[i]);
      residuals_[lane * 2 * n_ + n_ + i] = static_cast<float>(entry_p_[i] - state[n_ + i]);
    }
  }
}

float* GradientGroup::Saved(const Stretch& stretch) {
  const size_t index = static_cast<size_t>(stretch.begin / stretch_length_);
  return &stretch_states_[index * lanes_ * 6 * n_];
}

void GradientGroup::Save(const Stretch& stretch) {
  const size_t size = lanes_ * 2 * n_;
  float* saved = Saved(stretch);
  std::copy_n(states_.begin(), size, saved);
  std::copy_n(residuals_.begin(), size, saved + size);
  std::copy_n(reported_.begin(), size, saved + 2 * size);
}

void GradientGroup::Restore(const Stretch& stretch) {
  const size_t size = lanes_ * 2 * n_;
  const float* saved = Saved(stretch);
  std::copy_n(saved, size, states_.begin());
  std::copy_n(saved + size, size, residuals_.begin());
  std::copy_n(saved + 2 * size, size, reported_.begin());
}

bool GradientGroup::Forward(int member, const Stretch& stretch, bool recorded, bool observed) {
  const size_t record_size = kernel_->RecordSize(lanes_);
  for (int64_t step = stretch.begin; step < stretch.end; ++step) {
    if (Cancelled(*job_)) return false;
    SetControls(step);
    kernel_->Advance(member,
                     {.lanes = lanes_,
                      .controls = controls_.data(),
                      .states = states_.data(),
                      .residuals = residuals_.data(),
                      .velocities = model_.learned_mass ? velocities_.data() : nullptr},
                     recorded
                         ? records_.get() + static_cast<size_t>(step - stretch.begin) * record_size
                         : nullptr);
    for (int lane = 0; lane < lanes_; ++lane) {
      const float* state = &states_[lane * 2 * n_];
      float* reported = Reported(stretch, step + 1, lane);
      std::copy_n(state, n_, reported);
      std::copy_n(model_.learned_mass ? &velocities_[lane * n_] : state + n_, n_, reported + n_);
      if (observed) {
        objectives_[lane].Observe(step, Reported(stretch, step, lane), reported);
      }
    }
  }
  return true;
}

void GradientGroup::SetControls(int64_t step) {
  for (int lane = 0; lane < lanes_; ++lane) {
    controls_[lane] =
        job_->controls.data() + ((first_ + lane) * job_->horizon + step) * model_.num_controls;
  }
}

void GradientGroup::StepBack(int member, const Stretch& stretch, int64_t step) {
  const size_t nu = model_.num_controls;
  std::fill(by_earlier_.begin(), by_earlier_.end(), 0.0f);
  for (int lane = 0; lane < lanes_; ++lane) {
    float* by_reported = &by_reported_[lane * 2 * n_];
    if (step < objectives_[lane].counted_steps()) {
      objectives_[lane].AddCotangents(step, Reported(stretch, step, lane),
                                      Reported(stretch, step + 1, lane),
                                      &by_earlier_[lane * 2 * n_], by_reported, Controls(lane, 0));
    }
    float* cotangent = &cotangents_[lane * 2 * n_];
    for (size_t i = 0; i < n_; ++i) cotangent[i] += by_reported[i];
    if (model_.learned_mass) {
      std::copy_n(by_reported + n_, n_, &by_velocity_[lane * n_]);
    } else {
      for (size_t i = n_; i < 2 * n_; ++i) cotangent[i] += by_reported[i];
    }
  }
  SetControls(step);
  kernel_->PullBack(
      member, lanes_, controls_.data(),
      records_.get() + static_cast<size_t>(step - stretch.begin) * kernel_->RecordSize(lanes_),
      {.states = cotangents_.data(),
       .velocities = model_.learned_mass ? by_velocity_.data() : nullptr,
       .controls = by_control_.data()});
  for (int lane = 0; lane < lanes_; ++lane) {
    if (step < objectives_[lane].counted_steps()) {
      float* control = Controls(lane, step);
      for (size_t i = 0; i < nu; ++i) control[i] += by_control_[lane * nu + i];
    } else {  // whatever the states are: this comes after the termination
      std::fill_n(&cotangents_[lane * 2 * n_], 2 * n_, 0.0f);
    }
  }
  std::swap(by_reported_, by_earlier_);
}

// From the cotangents of what is carried at the beginning, (q, p), to those of [q, v]. As
// p = M(q) v is v = Minv(q) p solved for p, by_v = M by_p =: w, and by_q loses the cotangent that
// w, as one of v, has at q.
void GradientGroup::EntryBack(int member) {
  for (int lane = 0; lane < lanes_; ++lane) {
    float* gradient = initial_gradient_ + lane * 2 * n_;
    const float* by_carried = &cotangents_[lane * 2 * n_];
    float* by_reported = &by_reported_[lane * 2 * n_];
    objectives_[lane].AddInitialCotangents(by_reported);
    for (size_t i = 0; i < 2 * n_; ++i) gradient[i] += by_reported[i];
    if (!model_.learned_mass) {
      for (size_t i = 0; i < 2 * n_; ++i) gradient[i] += by_carried[i];
      continue;
    }
    const float* initial = Initial(lane);
    std::copy_n(initial, n_, entry_q_.begin());
    std::copy_n(initial + n_, n_, entry_v_.begin());
    entry_dynamics_[member].Momentum(entry_q_, entry_v_, absl::MakeSpan(entry_p_));
    std::copy_n(by_carried + n_, n_, by_entry_p_.begin());
    entry_dynamics_[member].Momentum(entry_q_, by_entry_p_, absl::MakeSpan(by_entry_v_));
    std::copy_n(by_carried, n_, by_entry_q_.begin());
    for (size_t i = 0; i < n_; ++i) {
      gradient[n_ + i] += static_cast<float>(by_entry_v_[i]);
      by_entry_v_[i] = -by_entry_v_[i];
    }
    entry_vjps_[member].AddCotangents(
        entry_q_, entry_p_, no_control_, by_entry_v_, no_rate_,
        {absl::MakeSpan(by_entry_q_), absl::MakeSpan(by_entry_p_), absl::MakeSpan(by_no_control_)});
    for (size_t i = 0; i < n_; ++i) gradient[i] += static_cast<float>(by_entry_q_[i]);
  }
}

void GradientGroup::WriteResults() {
  constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
  for (int lane = 0; lane < lanes_; ++lane) {
    const size_t at = static_cast<size_t>(first_ + lane);
    if (!job_->total_return.empty()) {
      job_->total_return[at] = static_cast<float>(total_return_[lane] / members_);
    }
    if (!job_->first_non_finite_step.empty()) {
      job_->first_non_finite_step[at] = first_non_finite_step_[lane];
    }
    for (size_t i = 0; i < 2 * n_ && !job_->final_state.empty(); ++i) {
      job_->final_state[at * 2 * n_ + i] =
          static_cast<float>(final_state_[lane * 2 * n_ + i] / members_);
    }
    if (diverged_[lane] == 0) continue;
    std::fill_n(Controls(lane, 0), job_->horizon * model_.num_controls, kNaN);
    std::fill_n(initial_gradient_ + lane * 2 * n_, 2 * n_, kNaN);
  }
}

}  // namespace rollout::fused
