// How far each engine is from the torch engine in float64, for every kind and integrator: one
// table.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/table.h"
#include "gtest/gtest.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

constexpr int kHorizon = 200;
constexpr int kMostLanes = 28;
// Calls that between them take every tile of the fused engine.
constexpr int kBatches[] = {kMostLanes, 17, 14, 1};
// Of each dimension's spread; where the model itself amplifies rounding, twice what torch in
// float32 deviates.
constexpr double kTolerance = 1e-4;

std::vector<float> First(const std::vector<float>& all, int lanes) {
  return {all.begin(), all.begin() + all.size() / kMostLanes * lanes};
}

// One model, and its rollouts by torch in float64.
struct Yardstick {
  explicit Yardstick(const SpecChoice& choice)
      : model(RandomModel(MakeSpec(choice), 7)),
        initial(RandomStates(model.spec, kMostLanes, 1)),
        controls(RandomControls(model.spec, kMostLanes, kHorizon, 2)) {
    const std::vector<float> trajectories = Torch(TorchPrecision::kFloat64);
    expected.assign(trajectories.begin(), trajectories.end());
    spread = Spread(expected, model.spec.state_size());
  }

  std::vector<float> Torch(TorchPrecision precision) const {
    const auto engine = MakeTorchEngine(model, EngineOptions{}, precision);
    EXPECT_THAT(engine, IsOk());
    if (!engine.ok()) return {};
    return Trajectories(**engine, model.spec, initial, controls, kMostLanes, kHorizon);
  }

  double DeviationOf(const std::vector<float>& trajectories) const {
    return LargestDeviation(trajectories,
                            {expected.begin(), expected.begin() + trajectories.size()}, spread);
  }

  // Of the fused engine on one instruction set, in calls of different sizes.
  double FusedDeviation(int64_t target) const {
    const OnlyTarget only(target);
    const auto engine = MakeFusedEngine(model);
    double largest = 0.0;
    for (int lanes : kBatches) {
      largest =
          std::max(largest, DeviationOf(Trajectories(*engine, model.spec, First(initial, lanes),
                                                     First(controls, lanes), lanes, kHorizon)));
    }
    return largest;
  }

  const TransitionModel model;
  const std::vector<float> initial, controls;
  std::vector<double> expected, spread;
};

bool FusedTakes(const SpecChoice& choice) {
  return choice.kind != DynamicsKind::kHnnNonseparable &&
         choice.kind != DynamicsKind::kHnnCanonical && choice.kind != DynamicsKind::kNodeRecurrent;
}

// Every kind and integrator, with angular and ignored positions where the kind may have them; not
// IMPLICIT_MIDPOINT and DOPRI5, which torch alone takes and computes in float64 in any case.
std::vector<SpecChoice> Choices() {
  std::vector<SpecChoice> choices;
  for (SpecChoice choice : EverySpecChoice()) {
    if (choice.angular_positions.empty() && choice.kind != DynamicsKind::kHnnCanonical) continue;
    if (choice.method == IntegratorMethod::kImplicitMidpoint ||
        choice.method == IntegratorMethod::kDopri5) {
      continue;
    }
    choice.hidden_sizes = {13, 18};  // neither a multiple of a vector
    choices.push_back(choice);
  }
  return choices;
}

TEST(EngineAgreementTest, EveryKindIntegratorAndEngineAgreesWithTorchInFloat64) {
  std::vector<std::string> header = {"200 x 8, worst error / spread", "torch float32"};
  for (int64_t target : FusedTargets()) {
    header.push_back(std::string("fused ") +
                     (target == HWY_SCALAR ? "one by one" : hwy::TargetName(target)));
  }
  Table table(header);
  std::map<std::string, double> worst;  // by engine
  for (const SpecChoice& choice : Choices()) {
    const Yardstick yardstick(choice);
    const std::string name = ChoiceName(choice);
    const double torch = yardstick.DeviationOf(yardstick.Torch(TorchPrecision::kFloat32));
    EXPECT_LE(torch, kTolerance) << name;
    std::vector<std::string> cells = {name, absl::StrFormat("%.1e", torch)};
    worst[header[1]] = std::max(worst[header[1]], torch);
    if (FusedTakes(choice)) {
      for (int64_t target : FusedTargets()) {
        const double fused = yardstick.FusedDeviation(target);
        EXPECT_LE(fused, std::max(kTolerance, 2.0 * torch)) << name;
        double& so_far = worst[header[cells.size()]];
        so_far = std::max(so_far, fused);
        cells.push_back(absl::StrFormat("%.1e", fused));
      }
    }
    table.AddRow(cells);
  }
  std::vector<std::string> cells = {"worst of all"};
  for (size_t i = 1; i < header.size(); ++i) {
    cells.push_back(absl::StrFormat("%.1e", worst[header[i]]));
  }
  table.AddRow(cells);
  std::fputs(table.ToString().c_str(), stdout);
}

}  // namespace
}  // namespace rollout
