#include "models/checkpoint/golden.h"

#include <cmath>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "models/trajectory_spread.h"

namespace rollout {
namespace {

absl::Status Invalid(const std::string& message) { return absl::InvalidArgumentError(message); }

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

// Takes the tensor `name` of `rank` dimensions whose last is `last`.
absl::Status Take(const char* name, size_t rank, int64_t last, std::vector<NamedTensor>* tensors,
                  NamedTensor* taken) {
  for (NamedTensor& tensor : *tensors) {
    if (tensor.name != name) continue;
    if (tensor.shape.size() != rank || tensor.shape.back() != last) {
      return Invalid(absl::StrCat("tensor ", name, ": found shape ", ShapeText(tensor.shape),
                                  ", expected ", rank, " dimensions, the last of ", last));
    }
    *taken = std::move(tensor);
    return absl::OkStatus();
  }
  return Invalid(absl::StrCat("tensor ", name, " is missing"));
}

}  // namespace

absl::StatusOr<GoldenSet> GoldenFromTensors(std::vector<NamedTensor> tensors,
                                            const TransitionModelSpec& spec) {
  for (const NamedTensor& tensor : tensors) {
    if (tensor.name != "initial_state" && tensor.name != "controls" &&
        tensor.name != "trajectory") {
      return Invalid(absl::StrCat("unknown tensor ", tensor.name,
                                  ", expected initial_state, controls and trajectory"));
    }
  }
  NamedTensor initial, controls, trajectory;
  if (absl::Status s = Take("initial_state", 2, spec.state_size(), &tensors, &initial); !s.ok()) {
    return s;
  }
  if (absl::Status s = Take("controls", 3, spec.num_controls, &tensors, &controls); !s.ok()) {
    return s;
  }
  if (absl::Status s = Take("trajectory", 3, spec.state_size(), &tensors, &trajectory); !s.ok()) {
    return s;
  }
  GoldenSet golden;
  golden.lanes = controls.shape[0];
  golden.horizon = controls.shape[1];
  if (golden.lanes < 1 || golden.horizon < 1 || initial.shape[0] != golden.lanes ||
      trajectory.shape[0] != golden.lanes || trajectory.shape[1] - 1 != golden.horizon) {
    return Invalid(
        absl::StrCat("found initial_state ", ShapeText(initial.shape), ", controls ",
                     ShapeText(controls.shape), ", trajectory ", ShapeText(trajectory.shape),
                     ", expected [B, 2n], [B, T, nu], [B, T + 1, 2n] with B and T of at least 1"));
  }
  golden.initial_state = std::move(initial.data);
  golden.controls = std::move(controls.data);
  golden.trajectory = std::move(trajectory.data);
  return golden;
}

std::vector<NamedTensor> GoldenToTensors(const GoldenSet& golden, const TransitionModelSpec& spec) {
  const int64_t size = spec.state_size();
  return {{"initial_state", {golden.lanes, size}, golden.initial_state},
          {"controls", {golden.lanes, golden.horizon, spec.num_controls}, golden.controls},
          {"trajectory", {golden.lanes, golden.horizon + 1, size}, golden.trajectory}};
}

GoldenDeviation CompareWithGolden(const GoldenSet& golden, const TransitionModelSpec& spec,
                                  absl::Span<const float> trajectory) {
  const int64_t size = spec.state_size();
  const std::vector<double> spread = StateSpread(absl::MakeConstSpan(golden.trajectory), size);
  GoldenDeviation deviation;
  for (size_t k = 0; k < trajectory.size(); ++k) {
    const int64_t d = static_cast<int64_t>(k) % size;
    double relative =
        std::abs(static_cast<double>(trajectory[k]) - golden.trajectory[k]) / spread[d];
    if (std::isnan(relative)) relative = std::numeric_limits<double>::infinity();
    if (relative > deviation.worst) {
      const int64_t row = static_cast<int64_t>(k) / size;
      deviation = {relative, row / (golden.horizon + 1), row % (golden.horizon + 1),
                   static_cast<int>(d)};
    }
  }
  return deviation;
}

absl::Status CheckGolden(const GoldenSet& golden, const TransitionModelSpec& spec, Engine* engine) {
  std::vector<float> controls = golden.controls;
  ClipControls(spec, absl::MakeSpan(controls));
  std::vector<float> trajectory(golden.trajectory.size());
  RolloutJob job;
  job.lanes = golden.lanes;
  job.horizon = golden.horizon;
  job.initial_states = golden.initial_state;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  if (absl::Status s = engine->Rollout({&job, 1}); !s.ok()) return s;
  const GoldenDeviation deviation = CompareWithGolden(golden, spec, trajectory);
  if (deviation.worst <= spec.golden_tolerance) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "golden set: engine ", engine->info().engine, " on ", engine->info().device, " is off by ",
      deviation.worst, " of the spread in dimension ", deviation.dimension,
      spec.state_names.empty() ? ""
                               : absl::StrCat(" (", spec.state_names[deviation.dimension], ")"),
      " of lane ", deviation.lane, " at step ", deviation.time, ", expected at most ",
      spec.golden_tolerance));
}

}  // namespace rollout
