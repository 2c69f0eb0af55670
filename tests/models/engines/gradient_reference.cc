#include "tests/models/engines/gradient_reference.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "gtest/gtest.h"
#include "models/engines/rollout_objective.h"
#include "models/rewards/reward.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/support/status_matchers.h"

namespace rollout {

LaneValue CotangentValue(const TransitionModel& model, std::vector<float> cotangents) {
  return [&model, cotangents = std::move(cotangents)](const std::vector<float>& initial,
                                                      const std::vector<float>& controls) {
    const int horizon = static_cast<int>(cotangents.size()) / model.spec.state_size() - 1;
    const std::vector<double> trajectory = ReferenceRollouts(model, initial, controls, 1, horizon);
    double sum = 0.0;
    for (size_t i = 0; i < cotangents.size(); ++i) sum += cotangents[i] * trajectory[i];
    return sum;
  };
}

LaneValue ReturnValue(const TransitionModel& model, double discount, const DiagonalCost* cost) {
  return [&model, discount, cost](const std::vector<float>& initial,
                                  const std::vector<float>& controls) {
    const TransitionModelSpec& spec = model.spec;
    const size_t size = spec.state_size();
    const size_t nu = spec.num_controls;
    const size_t horizon = controls.size() / nu;
    const auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls).value();
    const auto termination =
        FindTermination(spec.termination, spec.num_positions, spec.num_controls).value();
    const std::vector<double> exact_controls(controls.begin(), controls.end());
    double total = 0.0;
    for (int member = 0; member < spec.ensemble_size; ++member) {
      const std::vector<double> states =
          ReferenceRollout(model, member, initial, controls, static_cast<int>(horizon));
      double weight = 1.0 / spec.ensemble_size;
      for (size_t step = 0; step < horizon; ++step, weight *= discount) {
        const TransitionView transition = {absl::MakeConstSpan(&states[step * size], size),
                                           absl::MakeConstSpan(&exact_controls[step * nu], nu),
                                           absl::MakeConstSpan(&states[(step + 1) * size], size),
                                           spec.transition_dt};
        if (cost == nullptr || cost->add_reward) total += weight * reward(transition);
        if (cost != nullptr) {
          const float* control = &controls[step * nu];
          const float* before = step > 0                     ? control - nu
                                : cost->last_control.empty() ? nullptr
                                                             : cost->last_control.data();
          total -=
              weight * TransitionCost(*cost, spec,
                                      {static_cast<int64_t>(step), static_cast<int64_t>(horizon),
                                       control, before, transition.next_state.data()});
        }
        if (termination(transition)) break;
      }
    }
    return total;
  };
}

LaneGradient FiniteDifferences(const LaneValue& value, const std::vector<float>& initial,
                               const std::vector<float>& controls) {
  constexpr float kStep = 1.0f / 512;
  LaneGradient gradient;
  std::vector<float> state = initial, control = controls;
  const auto differentiate = [&](std::vector<float>* values, std::vector<double>* out) {
    for (float& number : *values) {
      const float at = number;
      const auto difference = [&](float step) {
        number = at + step;
        const double above = value(state, control);
        number = at - step;
        const double below = value(state, control);
        number = at;
        return (above - below) / (2.0 * step);
      };
      out->push_back((4.0 * difference(kStep) - difference(2 * kStep)) / 3.0);
    }
  };
  differentiate(&control, &gradient.controls);
  differentiate(&state, &gradient.initial_state);
  return gradient;
}

std::vector<float> Quantised(std::vector<float> values) {
  for (float& value : values) value = std::round(value * 4096.0f) / 4096.0f;
  return values;
}

double RelativeDeviation(const std::vector<float>& actual, const std::vector<double>& expected) {
  double largest = 0.0, deviation = 0.0;
  if (actual.size() != expected.size()) return std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < expected.size(); ++i) {
    if (!std::isfinite(actual[i]) || !std::isfinite(expected[i])) {
      return std::numeric_limits<double>::infinity();
    }
    largest = std::max(largest, std::abs(expected[i]));
    deviation = std::max(deviation, std::abs(actual[i] - expected[i]));
  }
  return deviation == 0.0 ? 0.0 : deviation / largest;
}

EngineGradient GradientOf(Engine& engine, const TransitionModelSpec& spec, GradientJob job) {
  EngineGradient gradient;
  gradient.controls.resize(job.controls.size());
  gradient.initial_state.resize(job.initial_states.size());
  job.controls_gradient = absl::MakeSpan(gradient.controls);
  job.initial_state_gradient = absl::MakeSpan(gradient.initial_state);
  if (job.of_return) {
    gradient.total_return.resize(static_cast<size_t>(job.lanes));
    job.total_return = absl::MakeSpan(gradient.total_return);
  }
  EXPECT_OK(engine.Gradient({job})) << spec.name;
  return gradient;
}

}  // namespace rollout
