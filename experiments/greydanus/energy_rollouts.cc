#include "experiments/greydanus/energy_rollouts.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>
#include <exception>
#include <limits>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "models/dynamics/dynamics.h"
#include "models/dynamics/weights.h"
#include "systems/mechanics/dormand_prince.h"

namespace rollout {
void ModelDerivative(const Dynamics& dynamics, absl::Span<const double> state,
                     absl::Span<double> derivative) {
  const int64_t size = static_cast<int64_t>(state.size());
  const at::Tensor z = at::from_blob(const_cast<double*>(state.data()), {1, 1, size},
                                     at::TensorOptions(at::kDouble));
  const CarriedState start = dynamics.Enter(z);
  const Rates rates = dynamics.Derivative(
      start, dynamics.Hold(start, at::empty({1, 1, 0}, at::TensorOptions(at::kDouble))));
  const at::Tensor dq = rates.position.contiguous(), dp = rates.momentum.contiguous();
  std::copy_n(dq.data_ptr<double>(), size / 2, derivative.begin());
  std::copy_n(dp.data_ptr<double>(), size / 2, derivative.begin() + size / 2);
}

std::vector<double> EnergyFirstStates(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                                      uint64_t seed) {
  const int size = 2 * mechanics.info().num_positions;
  std::vector<double> states(task.rollouts * size);
  Random random(seed);
  for (int i = 0; i < task.rollouts; ++i) {
    const absl::Span<double> state = absl::MakeSpan(states).subspan(i * size, size);
    mechanics.DrawState(random, state);
    if (size != 2 || task.films) continue;
    // The papers' notebooks judge one degree of freedom from q, p within 0.2 to 1 of the origin.
    for (double& value : state) {
      const double drawn = random.Uniform(-0.8, 0.8);
      value = drawn + (drawn < 0.0 ? -0.2 : 0.2);
    }
  }
  return states;
}

absl::StatusOr<EnergyError> MeasureEnergyError(const EquationsOfMotion& mechanics,
                                               const GreydanusTask& task,
                                               const TransitionModel& model,
                                               const std::vector<double>& first_states) try {
  const c10::InferenceMode inference;
  auto weights = ModelWeights::FromModel(model, at::TensorOptions(at::kDouble));
  if (!weights.ok()) return weights.status();
  auto dynamics = MakeDynamics(model.spec, *weights);
  if (!dynamics.ok()) return dynamics.status();
  const int size = 2 * mechanics.info().num_positions;
  const double step = task.seconds / (task.points - 1);
  EnergyError error;
  for (int i = 0; i < task.rollouts; ++i) {
    std::vector<double> predicted(first_states.begin() + i * size,
                                  first_states.begin() + (i + 1) * size);
    std::vector<double> actual = predicted;
    DormandPrince model_solver(size, kModelSolver), true_solver(size);
    double squares = 0.0;
    for (int point = 1; point < task.points; ++point) {
      model_solver.Advance([&](absl::Span<const double> x,
                               absl::Span<double> dx) { ModelDerivative(**dynamics, x, dx); },
                           step, absl::MakeSpan(predicted));
      true_solver.Advance([&](absl::Span<const double> x,
                              absl::Span<double> dx) { mechanics.Derivative(x, {}, dx); },
                          step, absl::MakeSpan(actual));
      const double difference = mechanics.Energy(predicted) - mechanics.Energy(actual);
      squares += difference * difference;
      if (!std::isfinite(squares)) break;
    }
    error.mean_squared.push_back(std::isfinite(squares) ? squares / task.points
                                                        : std::numeric_limits<double>::quiet_NaN());
  }
  return error;
} catch (const std::exception& exception) {
  return absl::InternalError(
      absl::StrCat("LibTorch failed in an energy rollout: ", exception.what()));
}

}  // namespace rollout
