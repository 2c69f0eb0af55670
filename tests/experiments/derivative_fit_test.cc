#include "experiments/greydanus/derivative_fit.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <memory>
#include <vector>

#include "experiments/greydanus/energy_rollouts.h"
#include "experiments/statistics.h"
#include "gtest/gtest.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

const GreydanusTask& MassSpring() { return GreydanusTasks()[0]; }

TEST(DerivativeDataTest, HasThePapersSizesAndDerivativesOfTheCleanStates) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const DerivativeData data = MakeDerivativeData(*mechanics, MassSpring(), 1);
  EXPECT_EQ(data.train.count(), 750);
  EXPECT_EQ(data.test.count(), 750);
  // dq/dt = 2 p and dp/dt = -2 q of states that noise of 0.1 was added to.
  double squares = 0.0;
  for (int64_t i = 0; i < data.train.count(); ++i) {
    const double noise_p = data.train.states[2 * i + 1] - data.train.derivatives[2 * i] / 2;
    const double noise_q = data.train.states[2 * i] + data.train.derivatives[2 * i + 1] / 2;
    squares += noise_p * noise_p + noise_q * noise_q;
  }
  EXPECT_NEAR(std::sqrt(squares / (2.0 * 750)), 0.1, 0.01);
}

TEST(DerivativeDataTest, AnotherSeedIsOtherData) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const DerivativeData data = MakeDerivativeData(*mechanics, MassSpring(), 1);
  EXPECT_EQ(MakeDerivativeData(*mechanics, MassSpring(), 1).train.states, data.train.states);
  EXPECT_NE(MakeDerivativeData(*mechanics, MassSpring(), 2).train.states, data.train.states);
}

class DerivativeFitTest : public testing::TestWithParam<DynamicsKind> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }
};

// Irreducible: the derivative of a state seen through noise of 0.1 is off by 2 x 0.1, squared 0.04.
TEST_P(DerivativeFitTest, LearnsTheFieldToTheNoise) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const DerivativeData data = MakeDerivativeData(*mechanics, MassSpring(), 1);
  auto fit = DerivativeFit::Create(data.train, 0.1, {.kind = GetParam(), .seed = 2});
  ASSERT_TRUE(fit.ok()) << fit.status();
  const double before = *(*fit)->Loss(data.test);
  for (int step = 0; step < 60; ++step) ASSERT_TRUE((*fit)->Step().ok());
  const double after = *(*fit)->Loss(data.test);
  EXPECT_GT(before, 0.3);
  EXPECT_LT(after, 0.06);
  EXPECT_GT(after, 0.03);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DerivativeFitTest,
                         testing::Values(DynamicsKind::kNode, DynamicsKind::kHnnCanonical),
                         [](const auto& info) { return std::string(Name(info.param)); });

// A linear HNN cannot hold H = q^2 + p^2, so what is judged is known: a model whose derivative is
// zero keeps the first state, and with it the true energy.
TEST(EnergyRolloutsTest, AModelThatStandsStillKeepsTheEnergy) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const DerivativeData data = MakeDerivativeData(*mechanics, MassSpring(), 1);
  auto fit = DerivativeFit::Create(data.train, 0.1, {.hidden_sizes = {4}, .seed = 2});
  ASSERT_TRUE(fit.ok()) << fit.status();
  TransitionModel model = (*fit)->Model();
  for (NamedTensor& tensor : model.weights) {
    std::fill(tensor.data.begin(), tensor.data.end(), 0.0f);
  }
  const std::vector<double> states = EnergyFirstStates(*mechanics, MassSpring(), 5);
  ASSERT_EQ(states.size(), 30u);
  for (const double value : states) {
    EXPECT_GE(std::abs(value), 0.2);
    EXPECT_LE(std::abs(value), 1.0);
  }
  const auto error = MeasureEnergyError(*mechanics, MassSpring(), model, states);
  ASSERT_TRUE(error.ok()) << error.status();
  for (const double squared : error->mean_squared) EXPECT_LT(squared, 1e-16);
}

// With random weights an HNN keeps its own H, not the true one.
TEST(EnergyRolloutsTest, AnUntrainedModelDoesNotKeepIt) {
  const std::unique_ptr<const EquationsOfMotion> mechanics = MakeEquationsOfMotion("mass_spring");
  const DerivativeData data = MakeDerivativeData(*mechanics, MassSpring(), 1);
  auto fit = DerivativeFit::Create(data.train, 0.1, {.hidden_sizes = {8}, .seed = 2});
  const auto error = MeasureEnergyError(*mechanics, MassSpring(), (*fit)->Model(),
                                        EnergyFirstStates(*mechanics, MassSpring(), 5));
  ASSERT_TRUE(error.ok()) << error.status();
  EXPECT_GT(Median(error->mean_squared), 1e-4);
}

}  // namespace
}  // namespace rollout
