#include "experiments/greydanus/derivative_data.h"

#include <cmath>

#include "base/random.h"
#include "systems/mechanics/dormand_prince.h"

namespace rollout {
namespace {

void AppendSamples(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                   const std::vector<double>& clean, Random& random, DerivativeSamples* samples) {
  const int size = samples->size;
  std::vector<double> noisy = clean;
  for (double& value : noisy) value += task.noise * random.Normal();
  std::vector<double> derivative(size);
  const size_t points = clean.size() / size;
  // A recording has no derivative after its last state.
  for (size_t point = 0; point + (task.finite_differences ? 1 : 0) < points; ++point) {
    const absl::Span<const double> state = absl::MakeConstSpan(clean).subspan(point * size, size);
    mechanics.Derivative(state, {}, absl::MakeSpan(derivative));
    for (int d = 0; d < size; ++d) {
      const double* at = &noisy[point * size + d];
      if (task.finite_differences) derivative[d] = (at[size] - at[0]) / mechanics.info().dt;
      samples->states.push_back(static_cast<float>(*at));
      samples->derivatives.push_back(static_cast<float>(derivative[d]));
    }
  }
}

}  // namespace

std::vector<double> DrawTrajectory(const EquationsOfMotion& mechanics, Random& random) {
  const SystemInfo& info = mechanics.info();
  const int size = 2 * info.num_positions;
  const int points = info.max_episode_steps + 1;
  std::vector<double> state(size), trajectory;
  mechanics.DrawState(random, absl::MakeSpan(state));
  DormandPrince solver(size);
  for (int point = 0; point < points; ++point) {
    trajectory.insert(trajectory.end(), state.begin(), state.end());
    solver.Advance(
        [&](absl::Span<const double> x, absl::Span<double> dx) { mechanics.Derivative(x, {}, dx); },
        info.dt, absl::MakeSpan(state));
  }
  return trajectory;
}

DerivativeData MakeDerivativeData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                                  uint64_t seed) {
  DerivativeData data;
  data.train.size = data.test.size = 2 * mechanics.info().num_positions;
  Random random(seed);
  const int held_out = static_cast<int>(std::lround(task.test_fraction * task.trajectories));
  for (int i = 0; i < task.trajectories; ++i) {
    const bool test = task.test_first ? i < held_out : i >= task.trajectories - held_out;
    AppendSamples(mechanics, task, DrawTrajectory(mechanics, random), random,
                  test ? &data.test : &data.train);
  }
  return data;
}

}  // namespace rollout
