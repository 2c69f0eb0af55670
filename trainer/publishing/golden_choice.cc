#include "trainer/publishing/golden_choice.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "models/engines/torch/torch_engine.h"

namespace rollout {
namespace {

// Initial states and controls of `lanes` held-out episodes that last `horizon` steps (an episode is
// taken several times, from later states, where there are too few).
GoldenSet GatherStarts(const TransitionModelSpec& spec, const FitData& data, int64_t lanes,
                       int64_t horizon) {
  GoldenSet golden;
  golden.horizon = horizon;
  const int size = spec.state_size();
  const int nu = spec.num_controls;
  for (int64_t round = 0; round < lanes && golden.lanes < lanes; ++round) {
    for (const ObservedEpisode& episode : data.held_out) {
      const int64_t start = round * horizon;
      if (golden.lanes == lanes || start + horizon > episode.num_steps) continue;
      const auto state = episode.states.begin() + start * size;
      golden.initial_state.insert(golden.initial_state.end(), state, state + size);
      const auto control = episode.controls.begin() + start * nu;
      golden.controls.insert(golden.controls.end(), control, control + horizon * nu);
      ++golden.lanes;
    }
  }
  for (size_t i = 0; i < golden.controls.size() && !spec.control_low.empty(); ++i) {
    const size_t control = i % static_cast<size_t>(nu);
    golden.controls[i] =
        std::clamp(golden.controls[i], spec.control_low[control], spec.control_high[control]);
  }
  return golden;
}

absl::StatusOr<std::vector<float>> RollOut(const TransitionModel& model, const GoldenSet& golden,
                                           TorchPrecision precision) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, precision);
  if (!engine.ok()) return engine.status();
  std::vector<float> trajectory(golden.lanes * (golden.horizon + 1) * model.spec.state_size());
  RolloutJob job;
  job.lanes = golden.lanes;
  job.horizon = golden.horizon;
  job.initial_states = golden.initial_state;
  job.controls = golden.controls;
  job.trajectory = absl::MakeSpan(trajectory);
  const absl::Status status = (*engine)->Rollout(absl::MakeSpan(&job, 1));
  if (!status.ok()) return status;
  return trajectory;
}

}  // namespace

absl::StatusOr<GoldenSet> ChooseGolden(const TransitionModel& model, const FitData& data,
                                       const GoldenOptions& options) {
  double worst = std::nan("");
  for (int64_t horizon = options.longest; horizon >= 1; horizon /= 2) {
    GoldenSet golden = GatherStarts(model.spec, data, options.lanes, horizon);
    if (golden.lanes == 0) continue;
    auto exact = RollOut(model, golden, TorchPrecision::kFloat64);
    if (!exact.ok()) return exact.status();
    const auto rounded = RollOut(model, golden, TorchPrecision::kFloat32);
    if (!rounded.ok()) return rounded.status();
    golden.trajectory = *std::move(exact);
    const bool finite = std::all_of(golden.trajectory.begin(), golden.trajectory.end(),
                                    [](float value) { return std::isfinite(value); });
    worst = CompareWithGolden(golden, model.spec, *rounded).worst;
    if (finite && worst <= options.tolerance) return golden;
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "model %s: float32 deviates from float64 by %g of the spread after one transition, more than "
      "%g: no golden rollouts can be made",
      model.spec.name, worst, options.tolerance));
}

}  // namespace rollout
