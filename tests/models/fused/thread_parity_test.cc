// Several threads of one fused engine against the scalar float64 reference.
#include <vector>

#include "gtest/gtest.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

TEST(ThreadParityTest, EveryThreadComputesTheReference) {
  constexpr int kLanes = 37, kHorizon = 6, kThreads = 3;
  for (const DynamicsKind kind :
       {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kMechanics, DynamicsKind::kHnn}) {
    SpecChoice choice;
    choice.kind = kind;
    choice.has_force = kind == DynamicsKind::kHnn;
    choice.hidden_sizes = {13, 18};
    choice.ensemble_size = 2;
    const TransitionModel model = RandomModel(MakeSpec(choice), 7);
    const std::vector<float> initial = RandomStates(model.spec, kLanes, 1);
    const std::vector<float> controls = RandomControls(model.spec, kLanes, kHorizon, 2);
    const std::vector<double> expected =
        ReferenceRollouts(model, initial, controls, kLanes, kHorizon);
    const std::vector<double> spread = Spread(expected, model.spec.state_size());
    const auto engine = MakeFusedEngine(model, kThreads);
    // Again and again, so that threads also meet between one call and the next.
    for (int call = 0; call < 5; ++call) {
      EXPECT_LE(
          LargestDeviation(Trajectories(*engine, model.spec, initial, controls, kLanes, kHorizon),
                           expected, spread),
          1e-4)
          << Name(kind) << ", call " << call;
    }
  }
}

}  // namespace
}  // namespace rollout
