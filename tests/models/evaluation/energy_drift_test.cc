#include "models/evaluation/energy_drift.h"

#include <cmath>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/fused/fused_engine.h"
#include "models/evaluation/hamiltonian.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

// One position, identity mass, potential V(q) = 3 q (a linear network): a particle in a constant
// field, H = 3 q + v^2 / 2, whose energy CONSTANT_ACCELERATION keeps to the last bit but rounding
// and EULER does not.
TransitionModel Falling(IntegratorMethod method, int substeps = 1) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.mass = MassKind::kIdentity;
  choice.method = method;
  choice.num_positions = 1;
  choice.num_controls = 0;
  choice.hidden_sizes = {};
  choice.transition_dt = 0.1;
  choice.substeps = substeps;
  TransitionModel model;
  model.spec = MakeSpec(choice);
  model.weights = {{"potential.0.weight", {1, 1, 1}, {3.0f}}, {"potential.0.bias", {1, 1}, {7.0f}}};
  return model;
}

absl::StatusOr<std::unique_ptr<Engine>> MakeFused(const TransitionModel& model) {
  return FusedCpuEngineModule().create(model, EngineOptions());
}

TEST(Hamiltonian, OfAFallingParticleIsItsEnergyWithTheLearnedConstant) {
  ASSERT_OK_AND_ASSIGN(const Hamiltonian hamiltonian,
                       Hamiltonian::Of(Falling(IntegratorMethod::kEuler), 0));
  EXPECT_NEAR(hamiltonian.Energy({2.0, 4.0}), 3.0 * 2.0 + 7.0 + 0.5 * 16.0, 1e-12);
  EXPECT_EQ(hamiltonian.Power({2.0, 4.0}, {}), 0.0);
}

TEST(Hamiltonian, IsOnlyForKindsThatHaveOne) {
  EXPECT_THAT(Hamiltonian::Of(RandomModel(MakeSpec({}), 1), 0),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::HasSubstr("kind NODE_SO has no energy")));
  EXPECT_THAT(Hamiltonian::Of(Falling(IntegratorMethod::kEuler), 1),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("member 1")));
}

TEST(EnergyDrift, OfEulerInAConstantFieldIsTheKnownOne) {
  // EULER: dH = dt^2 * 9 / 2 a step, on the scale of the energies 3 q of the two starts.
  const std::vector<float> initial = {-1.0f, 0.0f, 1.0f, 0.0f};  // H - 7 = -3 and 3: spread 3
  DriftStarts starts;
  starts.lanes = 2;
  starts.horizon = 10;
  starts.initial_states = initial;
  ASSERT_OK_AND_ASSIGN(EnergyDrift drift,
                       MeasureEnergyDrift(Falling(IntegratorMethod::kEuler), starts, MakeFused));
  EXPECT_NEAR(drift.initial_spread, 3.0, 1e-6);
  EXPECT_NEAR(drift.worst, 10 * 0.045 / 3.0, 1e-4);
  EXPECT_EQ(drift.step, 10);

  ASSERT_OK_AND_ASSIGN(drift, MeasureEnergyDrift(Falling(IntegratorMethod::kConstantAcceleration),
                                                 starts, MakeFused));
  EXPECT_LT(drift.worst, 1e-5);
  // Ten substeps of a tenth: a tenth of the drift.
  ASSERT_OK_AND_ASSIGN(
      drift, MeasureEnergyDrift(Falling(IntegratorMethod::kEuler, 10), starts, MakeFused));
  EXPECT_NEAR(drift.worst, 0.1 * 10 * 0.045 / 3.0, 1e-4);
}

TEST(EnergyDrift, HasNoScaleWithoutDifferentEnergies) {
  const std::vector<float> initial = {1.0f, 0.0f};
  DriftStarts starts;
  starts.lanes = 1;
  starts.horizon = 10;
  starts.initial_states = initial;
  EXPECT_THAT(MeasureEnergyDrift(Falling(IntegratorMethod::kEuler), starts, MakeFused),
              StatusIs(absl::StatusCode::kFailedPrecondition, testing::HasSubstr("no scale")));
}

// With learned mass, force, angles and ignored positions, RK4 keeps H but for the work of the
// force: halving the step shrinks what is left by far, which a wrong H, mass, chain rule or power
// would not do. EULER's is of first order, so it halves.
TEST(EnergyDrift, VanishesWithTheStepForEveryLearnedPart) {
  for (const bool has_force : {false, true}) {
    for (const MassKind mass : {MassKind::kLearned, MassKind::kIdentity}) {
      double drift_of[2] = {};
      for (const int substeps : {2, 16}) {
        SpecChoice choice;
        choice.kind = DynamicsKind::kHnn;
        choice.mass = mass;
        choice.has_force = has_force;
        choice.angular_positions = {1};
        choice.ignored_positions = {0};
        choice.transition_dt = 0.2;
        choice.substeps = substeps;
        choice.ensemble_size = 2;
        choice.method = IntegratorMethod::kEuler;
        const TransitionModel model = RandomModel(MakeSpec(choice), 5);
        const std::vector<float> states = RandomStates(model.spec, 4, 6);
        const std::vector<float> controls = RandomControls(model.spec, 4, 10, 7);
        const DriftStarts starts{4, 10, states, controls};
        ASSERT_OK_AND_ASSIGN(const EnergyDrift drift, MeasureEnergyDrift(model, starts, MakeFused));
        drift_of[substeps == 16] = drift.worst;
      }
      EXPECT_GT(drift_of[0], 1e-3) << has_force;
      EXPECT_NEAR(drift_of[0] / drift_of[1], 8.0, 3.0) << Name(mass) << has_force;
    }
  }
}

TEST(EnergyDrift, KeepsToTheSubstepsAllowed) {
  const std::vector<float> initial = {-1.0f, 0.0f, 1.0f, 0.0f};
  DriftStarts starts;
  starts.lanes = 2;
  starts.horizon = 10;
  starts.initial_states = initial;
  starts.max_substeps = 2 * 2 * 4;  // four transitions of two substeps
  ASSERT_OK_AND_ASSIGN(const EnergyDrift drift,
                       MeasureEnergyDrift(Falling(IntegratorMethod::kEuler, 2), starts, MakeFused));
  EXPECT_EQ(drift.step, 4);
}

TEST(EnergyDrift, OfALaneThatDivergesIsInfinite) {
  TransitionModel model = Falling(IntegratorMethod::kEuler);
  model.weights[0].data = {3e38f};
  const std::vector<float> initial = {-1.0f, 0.0f, 1.0f, 0.0f};
  DriftStarts starts;
  starts.lanes = 2;
  starts.horizon = 100;
  starts.initial_states = initial;
  ASSERT_OK_AND_ASSIGN(const EnergyDrift drift, MeasureEnergyDrift(model, starts, MakeFused));
  EXPECT_TRUE(std::isinf(drift.worst));
}

}  // namespace
}  // namespace rollout
