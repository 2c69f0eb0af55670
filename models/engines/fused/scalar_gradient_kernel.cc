#include "models/engines/fused/scalar_gradient_kernel.h"

#include <algorithm>

namespace rollout::fused {

ScalarGradientKernel::ScalarGradientKernel(const FusedModel& model)
    : model_(model), n_(model.num_positions), kernel_(model) {
  for (int member = 0; member < static_cast<int>(model.members.size()); ++member) {
    dynamics_.emplace_back(model, member);
    vjps_.emplace_back(model, member);
  }
  for (State* state : {&z_, &by_z_, &middle_, &end_, &rates_, &by_rates_}) state->resize(2 * n_);
  for (int i = 0; i < 4; ++i) {
    for (State* state : {&stage_z_[i], &stage_rates_[i], &by_stage_[i]}) state->resize(2 * n_);
  }
}

size_t ScalarGradientKernel::RecordSize(int lanes) const {
  return size_t(model_.substeps + 1) * lanes * 2 * n_;
}

void ScalarGradientKernel::Advance(int member, const LaneBatch& batch, float* record) {
  if (record == nullptr) {
    kernel_.Advance(member, batch);
    return;
  }
  const size_t size = size_t(batch.lanes) * 2 * n_;
  LaneBatch part = batch;
  for (int substep = 0; substep < model_.substeps; ++substep, record += size) {
    std::copy_n(batch.states, size, record);
    part.velocities = substep + 1 == model_.substeps ? batch.velocities : nullptr;
    kernel_.AdvanceSubsteps(member, part, 1);
  }
  std::copy_n(batch.states, size, record);
}

void ScalarGradientKernel::PullBack(int member, int lanes, const float* const* controls,
                                    const float* record, const CotangentBatch& cotangents) {
  const size_t nu = model_.num_controls;
  member_ = member;
  for (int lane = 0; lane < lanes; ++lane) {
    u_ = absl::MakeConstSpan(controls[lane], nu);
    by_u_ = absl::MakeSpan(cotangents.controls + lane * nu, nu);
    float* by_state = cotangents.states + lane * 2 * n_;
    std::copy_n(by_state, 2 * n_, by_z_.begin());
    std::fill(by_u_.begin(), by_u_.end(), 0.0f);
    const auto load = [&](int substep) {
      std::copy_n(record + (size_t(substep) * lanes + lane) * 2 * n_, 2 * n_, z_.begin());
    };
    if (cotangents.velocities != nullptr) {  // the velocity is dq at the end
      load(model_.substeps);
      std::copy_n(cotangents.velocities + lane * n_, n_, by_rates_.begin());
      std::fill_n(by_rates_.begin() + static_cast<ptrdiff_t>(n_), n_, 0.0f);
      AddRates(z_, by_rates_, by_z_);
    }
    for (int substep = model_.substeps; substep-- > 0;) {
      load(substep);
      SubstepBack();
    }
    std::copy_n(by_z_.begin(), 2 * n_, by_state);
  }
}

void ScalarGradientKernel::ScaleCotangents(float position, float momentum) {
  for (size_t i = 0; i < n_; ++i) {
    by_rates_[i] = position * by_z_[i];
    by_rates_[n_ + i] = momentum * by_z_[n_ + i];
  }
}

void ScalarGradientKernel::SubstepBack() {
  const float h = model_.step;
  switch (model_.method) {
    case IntegratorMethod::kEuler:
      ScaleCotangents(h, h);
      AddRates(z_, by_rates_, by_z_);
      return;
    case IntegratorMethod::kConstantAcceleration:
      ScaleCotangents(0.0f, h);
      for (size_t i = 0; i < n_; ++i) {
        by_rates_[n_ + i] += 0.5f * h * h * by_z_[i];
        by_z_[n_ + i] += h * by_z_[i];
      }
      AddRates(z_, by_rates_, by_z_);
      return;
    case IntegratorMethod::kSymplecticEuler:  // p1 = p + h dp(q, p), then q1 = q + h dq(q, p1)
      Rates(z_, rates_);
      middle_ = z_;
      for (size_t i = n_; i < 2 * n_; ++i) middle_[i] += h * rates_[i];
      ScaleCotangents(h, 0.0f);
      AddRates(middle_, by_rates_, by_z_);
      ScaleCotangents(0.0f, h);
      AddRates(z_, by_rates_, by_z_);
      return;
    case IntegratorMethod::kLeapfrog:  // middle = (q, p + h/2 dp), end = (q + h dq(middle), same p)
      Rates(z_, rates_);
      middle_ = z_;
      for (size_t i = n_; i < 2 * n_; ++i) middle_[i] += 0.5f * h * rates_[i];
      Rates(middle_, rates_);
      end_ = middle_;
      for (size_t i = 0; i < n_; ++i) end_[i] += h * rates_[i];
      ScaleCotangents(0.0f, 0.5f * h);
      AddRates(end_, by_rates_, by_z_);
      ScaleCotangents(h, 0.0f);
      AddRates(middle_, by_rates_, by_z_);
      ScaleCotangents(0.0f, 0.5f * h);
      AddRates(z_, by_rates_, by_z_);
      return;
    case IntegratorMethod::kRk4:
      RungeKuttaBack({{0, 0, 0}, {0.5f, 0, 0}, {0, 0.5f, 0}, {0, 0, 1}},
                     {1.0f / 6, 1.0f / 3, 1.0f / 3, 1.0f / 6});
      return;
    case IntegratorMethod::kRk4ThreeEighths:
      RungeKuttaBack({{0, 0, 0}, {1.0f / 3, 0, 0}, {-1.0f / 3, 1, 0}, {1, -1, 1}},
                     {0.125f, 0.375f, 0.375f, 0.125f});
      return;
    case IntegratorMethod::kImplicitMidpoint:
    case IntegratorMethod::kDopri5:
      return;  // MakeFusedModel refuses them
  }
}

// z1 = z + h sum_i weights[i] k_i with k_i = f(z_i), z_i = z + h sum_j stages[i][j] k_j; so back
// from the last stage: by_k_i = h weights[i] by_z1 + h sum_{j > i} stages[j][i] by_z_j.
void ScalarGradientKernel::RungeKuttaBack(const float (&stages)[4][3], const float (&weights)[4]) {
  const float h = model_.step;
  for (int i = 0; i < 4; ++i) {
    stage_z_[i] = z_;
    for (int j = 0; j < i; ++j) {
      for (size_t k = 0; k < 2 * n_; ++k) {
        stage_z_[i][k] += h * stages[i][j] * stage_rates_[j][k];
      }
    }
    Rates(stage_z_[i], stage_rates_[i]);
  }
  for (int i = 4; i-- > 0;) {
    for (size_t k = 0; k < 2 * n_; ++k) {
      by_rates_[k] = h * weights[i] * by_z_[k];
      for (int j = i + 1; j < 4; ++j) by_rates_[k] += h * stages[j][i] * by_stage_[j][k];
    }
    std::fill(by_stage_[i].begin(), by_stage_[i].end(), 0.0f);
    AddRates(stage_z_[i], by_rates_, by_stage_[i]);
  }
  for (const State& by_stage : by_stage_) {
    for (size_t k = 0; k < 2 * n_; ++k) by_z_[k] += by_stage[k];
  }
}

void ScalarGradientKernel::Rates(const State& z, State& rates) {
  const absl::Span<const float> state = z;
  dynamics_[member_].Rates(state.first(n_), state.subspan(n_), u_, absl::MakeSpan(rates).first(n_),
                           absl::MakeSpan(rates).subspan(n_));
}

void ScalarGradientKernel::AddRates(const State& z, const State& by_rates, State& by_z) {
  const absl::Span<const float> state = z, cotangent = by_rates;
  vjps_[member_].AddCotangents(
      state.first(n_), state.subspan(n_), u_, cotangent.first(n_), cotangent.subspan(n_),
      {absl::MakeSpan(by_z).first(n_), absl::MakeSpan(by_z).subspan(n_), by_u_});
}

}  // namespace rollout::fused
