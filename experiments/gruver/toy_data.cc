#include "experiments/gruver/toy_data.h"

#include <cmath>
#include <numbers>

#include "base/random.h"
#include "systems/mechanics/dormand_prince.h"

namespace rollout {
namespace {

// Whole turns off the angles of `states` [T + 1, 2n], so that they begin within +-pi.
void BeginWithinOneTurn(const SystemInfo& info, std::vector<double>* states) {
  const size_t size = 2 * static_cast<size_t>(info.num_positions);
  for (const int angle : info.angular_positions) {
    const double turns =
        2.0 * std::numbers::pi * std::round((*states)[angle] / (2.0 * std::numbers::pi));
    for (size_t i = static_cast<size_t>(angle); i < states->size(); i += size) {
      (*states)[i] -= turns;
    }
  }
}

ObservedEpisode MakeStretch(const EquationsOfMotion& mechanics, int states, uint64_t seed) {
  const SystemInfo& info = mechanics.info();
  Random random(seed);
  std::vector<double> state(2 * info.num_positions), variables(mechanics.num_variables());
  mechanics.DrawState(random, absl::MakeSpan(state));
  const int stretches = (info.max_episode_steps + 1) / states;
  const int64_t first = static_cast<int64_t>(random.UniformInteger(stretches)) * states;
  mechanics.Unchart(state, absl::MakeSpan(variables));
  DormandPrince solver(mechanics.num_variables());
  ObservedEpisode stretch;
  stretch.num_steps = states - 1;
  for (int64_t t = 0; t < first + states; ++t) {
    if (t >= first) stretch.states.insert(stretch.states.end(), state.begin(), state.end());
    solver.Advance(
        [&](absl::Span<const double> x, absl::Span<double> dx) { mechanics.Derivative(x, {}, dx); },
        info.dt, absl::MakeSpan(variables));
    mechanics.Chart(variables, absl::MakeSpan(state));
  }
  BeginWithinOneTurn(info, &stretch.states);
  return stretch;
}

}  // namespace

std::vector<ObservedEpisode> MakeStretches(const EquationsOfMotion& mechanics, int count,
                                           int states, uint64_t seed) {
  std::vector<ObservedEpisode> stretches;
  for (int i = 0; i < count; ++i) {
    stretches.push_back(MakeStretch(mechanics, states, DeriveSeed(seed, static_cast<uint64_t>(i))));
  }
  return stretches;
}

}  // namespace rollout
