// Gradients of rollouts by finite differences of the scalar float64 reference.
#ifndef ROLLOUT_TESTS_MODELS_ENGINES_GRADIENT_REFERENCE_H_
#define ROLLOUT_TESTS_MODELS_ENGINES_GRADIENT_REFERENCE_H_

#include <functional>
#include <vector>

#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout {

// Of one lane: [T, nu] and [2n].
struct LaneGradient {
  std::vector<double> controls;
  std::vector<double> initial_state;
};

// A number as a function of one lane's initial state [2n] and controls [T, nu].
using LaneValue =
    std::function<double(const std::vector<float>& initial, const std::vector<float>& controls)>;

// cotangents [T + 1, 2n] . the reference's trajectory.
LaneValue CotangentValue(const TransitionModel& model, std::vector<float> cotangents);
// The return of the reference's rollout by the spec's reward and termination, mean over members.
// With `cost`, by minus that.
LaneValue ReturnValue(const TransitionModel& model, double discount,
                      const DiagonalCost* cost = nullptr);

// Of order 4: central differences over 2 and 4 times 2^-9, extrapolated. `initial` and `controls`
// should be Quantised, so that inputs are moved exactly.
LaneGradient FiniteDifferences(const LaneValue& value, const std::vector<float>& initial,
                               const std::vector<float>& controls);

// Every number rounded to a multiple of 2^-12.
std::vector<float> Quantised(std::vector<float> values);

// max |actual - expected| / max |expected|; infinite where one of them is not finite.
double RelativeDeviation(const std::vector<float>& actual, const std::vector<double>& expected);

// The gradients [B, T, nu] and [B, 2n] that `engine` computes for a job whose inputs and objective
// are set. A failure is a test failure.
struct EngineGradient {
  std::vector<float> controls;
  std::vector<float> initial_state;
  std::vector<float> total_return;  // [B] with of_return
};
EngineGradient GradientOf(Engine& engine, const TransitionModelSpec& spec, GradientJob job);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_MODELS_ENGINES_GRADIENT_REFERENCE_H_
