#include "experiments/experiment.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "experiments/greydanus/greydanus_orbits.h"
#include "experiments/greydanus/greydanus_table.h"
#include "experiments/gruver/mujoco_rollouts.h"
#include "experiments/gruver/toy_rollouts.h"

namespace rollout {

const char* Name(Scale scale) {
  switch (scale) {
    case Scale::kQuick:
      return "quick";
    case Scale::kShort:
      return "short";
    case Scale::kPaper:
      return "paper";
  }
  return "";
}

absl::StatusOr<Scale> ParseScale(const std::string& name) {
  for (const Scale scale : {Scale::kQuick, Scale::kShort, Scale::kPaper}) {
    if (name == Name(scale)) return scale;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--scale: found \"", name, "\", expected quick, short or paper"));
}

std::vector<std::unique_ptr<Experiment>> MakeExperiments() {
  std::vector<std::unique_ptr<Experiment>> experiments;
  experiments.push_back(std::make_unique<GreydanusTable>());
  experiments.push_back(std::make_unique<GreydanusOrbits>());
  for (ToyComparison& comparison : ToyComparisons()) {
    experiments.push_back(std::make_unique<ToyRollouts>(std::move(comparison)));
  }
  experiments.push_back(std::make_unique<MujocoRollouts>());
  return experiments;
}

}  // namespace rollout
