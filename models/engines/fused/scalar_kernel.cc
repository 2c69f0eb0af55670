#include "models/engines/fused/scalar_kernel.h"

namespace rollout::fused {
namespace {

// sum += term, exactly: what rounding cuts off goes to `residual` and comes back with the next
// term (Knuth's two-sum). 1,600 steps of a millisecond add increments a thousand times smaller
// than the position they are added to; uncompensated they cost up to 2e-5 of its spread.
void AddCompensated(float term, float& sum, float& residual) {
  const float addend = term + residual;
  const float total = sum + addend;
  const float virtual_addend = total - sum;
  residual = (sum - (total - virtual_addend)) + (addend - virtual_addend);
  sum = total;
}

}  // namespace

ScalarKernel::ScalarKernel(const FusedModel& model) : model_(model) {
  for (int member = 0; member < static_cast<int>(model.members.size()); ++member) {
    dynamics_.emplace_back(model, member);
  }
  const size_t n = static_cast<size_t>(model.num_positions);
  for (auto* values : {&dq_, &dp_, &stage_q_, &stage_p_}) values->resize(n);
  for (auto& values : stage_dq_) values.resize(n);
  for (auto& values : stage_dp_) values.resize(n);
}

void ScalarKernel::AdvanceSubsteps(int member, const LaneBatch& batch, int substeps) {
  const size_t n = static_cast<size_t>(model_.num_positions);
  ScalarDynamics<float>& dynamics = dynamics_[member];
  for (int lane = 0; lane < batch.lanes; ++lane) {
    const size_t offset = static_cast<size_t>(lane) * 2 * n;
    q_ = absl::MakeSpan(batch.states + offset, n);
    p_ = absl::MakeSpan(batch.states + offset + n, n);
    q_residual_ = absl::MakeSpan(batch.residuals + offset, n);
    p_residual_ = absl::MakeSpan(batch.residuals + offset + n, n);
    const absl::Span<const float> u(batch.controls[lane], model_.num_controls);
    for (int substep = 0; substep < substeps; ++substep) Substep(dynamics, u);
    if (batch.velocities != nullptr) {
      dynamics.Velocity(q_, p_, absl::MakeSpan(batch.velocities + lane * n, n));
    }
  }
}

void ScalarKernel::AddToPositions(float factor, const std::vector<float>& rate) {
  for (size_t i = 0; i < rate.size(); ++i) {
    AddCompensated(factor * rate[i], q_[i], q_residual_[i]);
  }
}

void ScalarKernel::AddToMomenta(float factor, const std::vector<float>& rate) {
  for (size_t i = 0; i < rate.size(); ++i) {
    AddCompensated(factor * rate[i], p_[i], p_residual_[i]);
  }
}

void ScalarKernel::Substep(ScalarDynamics<float>& dynamics, absl::Span<const float> u) {
  const float h = model_.step;
  const auto dq = absl::MakeSpan(dq_);
  const auto dp = absl::MakeSpan(dp_);
  switch (model_.method) {
    case IntegratorMethod::kEuler:  // z += h f(z, u)
      dynamics.Rates(q_, p_, u, dq, dp);
      AddToPositions(h, dq_);
      AddToMomenta(h, dp_);
      return;
    case IntegratorMethod::kConstantAcceleration:  // q += h v + h^2 a / 2, v += h a
      dynamics.MomentumRate(q_, p_, u, dp);
      for (size_t i = 0; i < dq_.size(); ++i) dq_[i] = p_[i] + 0.5f * h * dp_[i];
      AddToPositions(h, dq_);
      AddToMomenta(h, dp_);
      return;
    case IntegratorMethod::kSymplecticEuler:  // p += h dp(q, p, u), then q += h dq(q, p)
      dynamics.MomentumRate(q_, p_, u, dp);
      AddToMomenta(h, dp_);
      dynamics.PositionRate(q_, p_, dq);
      AddToPositions(h, dq_);
      return;
    case IntegratorMethod::kLeapfrog:  // half a kick, drift, half a kick
      dynamics.MomentumRate(q_, p_, u, dp);
      AddToMomenta(0.5f * h, dp_);
      dynamics.PositionRate(q_, p_, dq);
      AddToPositions(h, dq_);
      dynamics.MomentumRate(q_, p_, u, dp);
      AddToMomenta(0.5f * h, dp_);
      return;
    case IntegratorMethod::kRk4:
      RungeKutta4(dynamics, u);
      return;
    case IntegratorMethod::kRk4ThreeEighths:
      RungeKutta4ThreeEighths(dynamics, u);
      return;
    case IntegratorMethod::kImplicitMidpoint:
    case IntegratorMethod::kDopri5:
      return;  // MakeFusedModel refuses them
  }
}

// The classic method of order 4: z += h (k1 + 2 k2 + 2 k3 + k4) / 6 with
// k2 = f(z + h k1 / 2), k3 = f(z + h k2 / 2), k4 = f(z + h k3).
void ScalarKernel::RungeKutta4(ScalarDynamics<float>& dynamics, absl::Span<const float> u) {
  const float h = model_.step;
  const auto stage = [&](const std::vector<float>& dq, const std::vector<float>& dp, float factor,
                         std::vector<float>& next_dq, std::vector<float>& next_dp) {
    for (size_t i = 0; i < dq.size(); ++i) {
      stage_q_[i] = q_[i] + factor * dq[i];
      stage_p_[i] = p_[i] + factor * dp[i];
    }
    dynamics.Rates(stage_q_, stage_p_, u, absl::MakeSpan(next_dq), absl::MakeSpan(next_dp));
  };
  dynamics.Rates(q_, p_, u, absl::MakeSpan(dq_), absl::MakeSpan(dp_));
  stage(dq_, dp_, 0.5f * h, stage_dq_[0], stage_dp_[0]);
  stage(stage_dq_[0], stage_dp_[0], 0.5f * h, stage_dq_[1], stage_dp_[1]);
  stage(stage_dq_[1], stage_dp_[1], h, stage_dq_[2], stage_dp_[2]);
  for (size_t i = 0; i < dq_.size(); ++i) {
    dq_[i] += 2.0f * stage_dq_[0][i] + 2.0f * stage_dq_[1][i] + stage_dq_[2][i];
    dp_[i] += 2.0f * stage_dp_[0][i] + 2.0f * stage_dp_[1][i] + stage_dp_[2][i];
  }
  AddToPositions(h / 6.0f, dq_);
  AddToMomenta(h / 6.0f, dp_);
}

// Kutta's 3/8 rule, order 4: z += h (k1 + 3 k2 + 3 k3 + k4) / 8 with
// k2 = f(z + h k1 / 3), k3 = f(z + h (k2 - k1 / 3)), k4 = f(z + h (k1 - k2 + k3)).
void ScalarKernel::RungeKutta4ThreeEighths(ScalarDynamics<float>& dynamics,
                                           absl::Span<const float> u) {
  const float h = model_.step;
  const auto& [k2_q, k3_q, k4_q] = stage_dq_;
  const auto& [k2_p, k3_p, k4_p] = stage_dp_;
  const auto stage = [&](auto combine, int next) {
    for (size_t i = 0; i < dq_.size(); ++i) {
      stage_q_[i] = q_[i] + h * combine(dq_[i], k2_q[i], k3_q[i]);
      stage_p_[i] = p_[i] + h * combine(dp_[i], k2_p[i], k3_p[i]);
    }
    dynamics.Rates(stage_q_, stage_p_, u, absl::MakeSpan(stage_dq_[next]),
                   absl::MakeSpan(stage_dp_[next]));
  };
  dynamics.Rates(q_, p_, u, absl::MakeSpan(dq_), absl::MakeSpan(dp_));
  stage([](float k1, float, float) { return k1 / 3.0f; }, 0);
  stage([](float k1, float k2, float) { return k2 - k1 / 3.0f; }, 1);
  stage([](float k1, float k2, float k3) { return k1 - k2 + k3; }, 2);
  for (size_t i = 0; i < dq_.size(); ++i) {
    dq_[i] += 3.0f * k2_q[i] + 3.0f * k3_q[i] + k4_q[i];
    dp_[i] += 3.0f * k2_p[i] + 3.0f * k3_p[i] + k4_p[i];
  }
  AddToPositions(0.125f * h, dq_);
  AddToMomenta(0.125f * h, dp_);
}

}  // namespace rollout::fused
