#include "models/engines/torch/rollout_gradient.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <limits>
#include <vector>

namespace rollout {
namespace {

// Lanes of all members together whose transitions are differentiated at once.
constexpr int64_t kMostLanesAtOnce = 4096;

bool Cancelled(const GradientJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

at::Tensor Copy(const float* values, at::IntArrayRef shape, const at::TensorOptions& options) {
  return at::from_blob(const_cast<float*>(values), shape, at::TensorOptions(at::kFloat))
      .to(options, /*non_blocking=*/false, /*copy=*/true);
}

at::Tensor Leaf(const at::Tensor& values) {
  return values.detach().clone().set_requires_grad(true);
}

at::Tensor GradientOf(const at::Tensor& leaf) {
  return leaf.grad().defined() ? leaf.grad() : at::zeros_like(leaf).detach();
}

void CopyOut(const at::Tensor& values, float* out) {
  const at::Tensor floats = values.detach().to(at::kCPU, at::kFloat).contiguous();
  std::copy_n(floats.const_data_ptr<float>(), floats.numel(), out);
}

// Lanes [first, first + lanes) of a job: forward, then back.
class LaneRangeGradient {
 public:
  LaneRangeGradient(const GradientJob& job, const DifferentiableModel& model, int64_t first,
                    int64_t lanes)
      : job_(job),
        model_(model),
        first_(first),
        lanes_(lanes),
        members_(model.spec.ensemble_size),
        size_(model.spec.state_size()),
        nu_(model.spec.num_controls),
        controls_(Copy(job.controls.data() + first * job.horizon * nu_, {lanes, job.horizon, nu_},
                       model.options)
                      .transpose(0, 1)
                      .contiguous()),
        states_(static_cast<size_t>((job.horizon + 1) * members_ * lanes * size_)),
        objectives_(static_cast<size_t>(members_ * lanes),
                    LaneObjective(model.spec, model.reward)) {
    const bool shared = static_cast<int64_t>(job.initial_states.size()) == size_;
    const at::Tensor given = Copy(job.initial_states.data() + (shared ? 0 : first * size_),
                                  {1, shared ? 1 : lanes, size_}, model.options);
    initial_ = given.expand({1, lanes, size_}).contiguous();
  }

  // Nothing is written where the job is cancelled on the way.
  void Run(std::vector<double>* initial_state_sum) {
    if (!Forward()) return;
    WriteValues();
    if (!Backward()) return;
    WriteGradients(initial_state_sum);
  }

 private:
  float* State(int64_t step) {
    return states_.data() + static_cast<size_t>(step * members_ * lanes_ * size_);
  }

  bool Forward() {
    const at::NoGradGuard no_gradients;
    carried_.push_back(model_.dynamics.Enter(initial_.expand({members_, lanes_, size_})));
    for (int64_t e = 0; e < members_; ++e) CopyOut(initial_, State(0) + e * lanes_ * size_);
    for (int64_t i = 0; i < members_ * lanes_; ++i) {
      objectives_[static_cast<size_t>(i)].Start(job_, first_ + i % lanes_);
    }
    for (int64_t step = 0; step < job_.horizon; ++step) {
      if (Cancelled(job_)) return false;
      const HeldControl control = model_.dynamics.Hold(carried_.back(), ControlsOf(step));
      carried_.push_back(model_.integrator.Transition(model_.dynamics, carried_.back(), control));
      CopyOut(model_.dynamics.Leave(carried_.back()), State(step + 1));
      for (int64_t i = 0; i < members_ * lanes_; ++i) {
        objectives_[static_cast<size_t>(i)].Observe(step, State(step) + i * size_,
                                                    State(step + 1) + i * size_);
      }
    }
    return true;
  }

  at::Tensor ControlsOf(int64_t step) const {
    return controls_.select(0, step).unsqueeze(0).expand({members_, lanes_, nu_});
  }

  void WriteValues() {
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      double total_return = 0.0;
      int32_t non_finite = static_cast<int32_t>(job_.horizon + 1);
      for (int64_t e = 0; e < members_; ++e) {
        const LaneObjective& objective = Objective(e, lane);
        total_return += objective.total_return();
        non_finite = std::min(non_finite, objective.first_non_finite_step());
      }
      const int64_t at = first_ + lane;
      if (!job_.total_return.empty()) {
        job_.total_return[at] = static_cast<float>(total_return / static_cast<double>(members_));
      }
      if (!job_.first_non_finite_step.empty()) job_.first_non_finite_step[at] = non_finite;
      if (job_.final_state.empty()) continue;
      for (int64_t i = 0; i < size_; ++i) {
        double sum = 0.0;
        for (int64_t e = 0; e < members_; ++e) {
          sum += State(job_.horizon)[(e * lanes_ + lane) * size_ + i];
        }
        job_.final_state[at * size_ + i] = static_cast<float>(sum / static_cast<double>(members_));
      }
    }
  }

  bool has_memory() const { return carried_[0].memory.defined(); }

  LaneObjective& Objective(int64_t member, int64_t lane) {
    return objectives_[static_cast<size_t>(member * lanes_ + lane)];
  }

  bool Backward() {
    // Cotangents of the states as they are reported, and what transitions add to the gradient of
    // their control directly.
    const size_t row = static_cast<size_t>(members_ * lanes_ * size_);
    std::vector<float> cotangents(row), earlier(row);
    control_gradient_.assign(static_cast<size_t>(lanes_ * job_.horizon * nu_), 0.0f);
    cotangent_ = {at::zeros_like(carried_[0].position), at::zeros_like(carried_[0].momentum),
                  has_memory() ? at::zeros_like(carried_[0].memory) : at::Tensor()};
    for (int64_t step = job_.horizon; step-- > 0;) {
      if (Cancelled(job_)) return false;
      for (int64_t i = 0; i < members_ * lanes_; ++i) {
        LaneObjective& objective = objectives_[static_cast<size_t>(i)];
        if (step >= objective.counted_steps()) continue;
        objective.AddCotangents(step, State(step) + i * size_, State(step + 1) + i * size_,
                                earlier.data() + i * size_, cotangents.data() + i * size_,
                                control_gradient_.data() + (i % lanes_) * job_.horizon * nu_);
      }
      TransitionBackward(step, cotangents);
      std::swap(cotangents, earlier);
      std::fill(earlier.begin(), earlier.end(), 0.0f);
      carried_.pop_back();
    }
    for (int64_t i = 0; i < members_ * lanes_; ++i) {
      objectives_[static_cast<size_t>(i)].AddInitialCotangents(cotangents.data() + i * size_);
    }
    EntryBackward(cotangents);
    return true;
  }

  // Takes cotangent_ from z(step + 1) to z(step).
  void TransitionBackward(int64_t step, const std::vector<float>& cotangents) {
    const CarriedState& start = carried_[static_cast<size_t>(step)];
    const at::Tensor position = Leaf(start.position);
    const at::Tensor momentum = Leaf(start.momentum);
    const at::Tensor memory = has_memory() ? Leaf(start.memory) : at::Tensor();
    const at::Tensor controls = Leaf(ControlsOf(step));
    {
      const at::AutoGradMode gradients(true);
      const CarriedState from = {position, momentum, memory};
      const CarriedState next =
          model_.integrator.Transition(model_.dynamics, from, model_.dynamics.Hold(from, controls));
      const at::Tensor reported = Copy(cotangents.data(), {members_, lanes_, size_}, model_.options)
                                      .mul(model_.dynamics.Leave(next));
      at::Tensor product = cotangent_.position.mul(next.position)
                               .sum()
                               .add(cotangent_.momentum.mul(next.momentum).sum())
                               .add(reported.sum());
      if (has_memory()) product = product.add(cotangent_.memory.mul(next.memory).sum());
      product.backward();
    }
    cotangent_ = {GradientOf(position), GradientOf(momentum),
                  has_memory() ? GradientOf(memory) : at::Tensor()};
    at::Tensor by_controls = GradientOf(controls);
    MaskUncounted(step, &by_controls);
    std::vector<float> values(static_cast<size_t>(lanes_ * nu_));
    CopyOut(by_controls.sum(0), values.data());
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      for (int64_t k = 0; k < nu_; ++k) {
        control_gradient_[static_cast<size_t>((lane * job_.horizon + step) * nu_ + k)] +=
            values[static_cast<size_t>(lane * nu_ + k)];
      }
    }
  }

  // Where `step` does not count, for it comes after the termination, cotangents are 0 whatever
  // the states are.
  void MaskUncounted(int64_t step, at::Tensor* by_controls) {
    std::vector<float> counts;
    for (const LaneObjective& objective : objectives_) {
      counts.push_back(step < objective.counted_steps() ? 1.0f : 0.0f);
    }
    if (std::find(counts.begin(), counts.end(), 0.0f) == counts.end()) return;
    const at::Tensor keep = Copy(counts.data(), {members_, lanes_, 1}, model_.options).ne(0);
    const auto masked = [&](const at::Tensor& values) {
      return at::where(values.dim() == 2 ? keep.squeeze(0) : keep, values, at::zeros_like(values));
    };
    cotangent_ = {masked(cotangent_.position), masked(cotangent_.momentum),
                  has_memory() ? masked(cotangent_.memory) : at::Tensor()};
    *by_controls = masked(*by_controls);
  }

  void EntryBackward(const std::vector<float>& cotangents) {
    const at::Tensor initial = Leaf(initial_);
    const at::AutoGradMode gradients(true);
    const at::Tensor members = initial.expand({members_, lanes_, size_});
    const CarriedState entered = model_.dynamics.Enter(members);
    cotangent_.position.mul(entered.position)
        .sum()
        .add(cotangent_.momentum.mul(entered.momentum).sum())
        .add(Copy(cotangents.data(), {members_, lanes_, size_}, model_.options).mul(members).sum())
        .backward();
    initial_gradient_ = GradientOf(initial).squeeze(0);
  }

  void WriteGradients(std::vector<double>* initial_state_sum) {
    std::vector<float> by_initial(static_cast<size_t>(lanes_ * size_));
    CopyOut(initial_gradient_, by_initial.data());
    constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
    const size_t per_lane = static_cast<size_t>(job_.horizon * nu_);
    for (int64_t lane = 0; lane < lanes_; ++lane) {
      bool diverged = false;
      for (int64_t e = 0; e < members_; ++e) diverged |= Objective(e, lane).diverged();
      float* by_controls = control_gradient_.data() + static_cast<size_t>(lane) * per_lane;
      float* by_state = by_initial.data() + lane * size_;
      if (diverged) {
        std::fill_n(by_controls, per_lane, kNaN);
        std::fill_n(by_state, size_, kNaN);
      }
      for (int64_t i = 0; i < size_; ++i) (*initial_state_sum)[i] += by_state[i];
    }
    if (!job_.controls_gradient.empty()) {
      std::copy(control_gradient_.begin(), control_gradient_.end(),
                job_.controls_gradient.begin() + first_ * job_.horizon * nu_);
    }
    if (static_cast<int64_t>(job_.initial_state_gradient.size()) == job_.lanes * size_) {
      std::copy(by_initial.begin(), by_initial.end(),
                job_.initial_state_gradient.begin() + first_ * size_);
    }
  }

  const GradientJob& job_;
  const DifferentiableModel& model_;
  const int64_t first_, lanes_, members_, size_, nu_;
  at::Tensor initial_;                     // [1, lanes, 2n]
  at::Tensor controls_;                    // [T, lanes, nu]
  std::vector<CarriedState> carried_;      // [T + 1]
  std::vector<float> states_;              // [T + 1, E, lanes, 2n] as reported
  std::vector<LaneObjective> objectives_;  // [E, lanes]
  CarriedState cotangent_;
  std::vector<float> control_gradient_;  // [lanes, T, nu]
  at::Tensor initial_gradient_;          // [lanes, 2n]
};

}  // namespace

void DifferentiateRollout(const GradientJob& job, const DifferentiableModel& model) {
  const int64_t most = std::max<int64_t>(1, kMostLanesAtOnce / model.spec.ensemble_size);
  std::vector<double> initial_state_sum(static_cast<size_t>(model.spec.state_size()), 0.0);
  for (int64_t first = 0; first < job.lanes && !Cancelled(job); first += most) {
    LaneRangeGradient(job, model, first, std::min(most, job.lanes - first)).Run(&initial_state_sum);
  }
  if (job.initial_state_gradient.size() == initial_state_sum.size()) {
    std::copy(initial_state_sum.begin(), initial_state_sum.end(),
              job.initial_state_gradient.begin());
  }
}

}  // namespace rollout
