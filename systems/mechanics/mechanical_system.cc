#include "systems/mechanics/mechanical_system.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace rollout {

MechanicalSystem::MechanicalSystem(std::shared_ptr<const EquationsOfMotion> mechanics)
    : mechanics_(std::move(mechanics)),
      solver_(mechanics_->num_variables()),
      state_(2 * mechanics_->info().num_positions),
      variables_(mechanics_->num_variables()),
      control_(mechanics_->info().num_controls) {
  Reset(0);
}

void MechanicalSystem::StartAtState() {
  mechanics_->Unchart(state_, absl::MakeSpan(variables_));
  solver_.Restart();
  steps_ = 0;
}

void MechanicalSystem::Reset(uint64_t seed) {
  Random random(seed);
  mechanics_->DrawState(random, absl::MakeSpan(state_));
  StartAtState();
}

absl::Status MechanicalSystem::ResetTo(absl::Span<const double> state) {
  if (state.size() != state_.size()) {
    return absl::InvalidArgumentError(absl::StrCat(info().name, ": a state has ", state_.size(),
                                                   " numbers [q, v]; got ", state.size()));
  }
  for (size_t i = 0; i < state.size(); ++i) {
    if (!std::isfinite(state[i])) {
      return absl::InvalidArgumentError(absl::StrCat(info().name, ": state[", i, "] (",
                                                     info().state_names[i], ") is ", state[i],
                                                     "; expected finite numbers"));
    }
  }
  state_.assign(state.begin(), state.end());
  StartAtState();
  return absl::OkStatus();
}

StepResult MechanicalSystem::Step(absl::Span<const double> action) {
  for (size_t i = 0; i < control_.size(); ++i) {
    control_[i] = std::clamp(action[i], info().control_low[i], info().control_high[i]);
  }
  solver_.Advance(
      [this](absl::Span<const double> variables, absl::Span<double> derivative) {
        mechanics_->Derivative(variables, control_, derivative);
      },
      info().dt, absl::MakeSpan(variables_));
  mechanics_->Chart(variables_, absl::MakeSpan(state_));
  ++steps_;
  StepResult result;
  result.truncated = steps_ >= info().max_episode_steps;
  return result;
}

void MechanicalSystem::GetState(absl::Span<double> state) const {
  std::copy(state_.begin(), state_.end(), state.begin());
}

std::unique_ptr<System> MechanicalSystem::NewInstance() const {
  return std::make_unique<MechanicalSystem>(mechanics_);
}

}  // namespace rollout
