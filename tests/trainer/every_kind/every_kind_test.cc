// Every kind of dynamics: trains, is saved and loaded without a change, gives the same rollouts
// from there, and has the derivatives that finite differences give.
#include <ATen/ATen.h>

#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/model_json.h"
#include "models/checkpoint/publish.h"
#include "models/dynamics/symplecticity.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/every_kind/trained_kind.h"

namespace rollout {
namespace {

const at::TensorOptions kExact = at::TensorOptions(at::kDouble);

class EveryKindTest : public testing::TestWithParam<KindCase> {};

TEST_P(EveryKindTest, TrainsAndIsSavedAndLoadedWithoutAChange) {
  ASSERT_OK_AND_ASSIGN(const TrainedKind trained, Train(GetParam()));
  EXPECT_LT(trained.last_loss, 0.95 * trained.first_loss);

  const TemporaryDirectory repository;
  ASSERT_OK_AND_ASSIGN(
      const int64_t version,
      PublishCheckpoint(repository.path(), {trained.model, trained.rollouts, ""}, RealClock()));
  ASSERT_OK_AND_ASSIGN(const Checkpoint checkpoint,
                       ReadCheckpoint(repository.path(), GetParam().name, version));
  EXPECT_EQ(WriteModelJson(checkpoint.model->spec), WriteModelJson(trained.model.spec));
  ASSERT_EQ(checkpoint.model->weights.size(), trained.model.weights.size());
  for (size_t i = 0; i < trained.model.weights.size(); ++i) {
    EXPECT_EQ(checkpoint.model->weights[i].data, trained.model.weights[i].data)
        << trained.model.weights[i].name;
  }
  ASSERT_OK_AND_ASSIGN(const auto engine, MakeTorchEngine(*checkpoint.model, EngineOptions{},
                                                          TorchPrecision::kFloat32));
  EXPECT_OK(CheckGolden(*checkpoint.golden, checkpoint.model->spec, engine.get()));
}

TEST_P(EveryKindTest, TheRatesHaveTheDerivativesOfFiniteDifferences) {
  ASSERT_OK_AND_ASSIGN(const TrainedKind trained, Train(GetParam()));
  const TransitionModelSpec& spec = trained.model.spec;
  ASSERT_OK_AND_ASSIGN(const ModelWeights weights, ModelWeights::FromModel(trained.model, kExact));
  ASSERT_OK_AND_ASSIGN(const auto dynamics, MakeDynamics(spec, weights));
  constexpr int kLanes = 4;
  const at::Tensor state =
      at::tensor(RandomStates(spec, kLanes, 4)).to(kExact).view({1, kLanes, spec.state_size()});
  const at::Tensor control = at::tensor(RandomControls(spec, kLanes, 1, 5))
                                 .to(kExact)
                                 .view({1, kLanes, spec.num_controls});
  const CarriedState at_state = dynamics->Enter(state);
  const HeldControl held = dynamics->Hold(at_state, control);
  const at::Tensor jacobian = RateJacobian(*dynamics, at_state, held, Differentiable::kNo);
  const int64_t n = spec.num_positions;
  ASSERT_EQ(jacobian.sizes(), at::IntArrayRef({kLanes, 2 * n, 2 * n}));
  constexpr double kStep = 1e-5;
  for (int64_t d = 0; d < 2 * n; ++d) {
    const auto rates_at = [&](double offset) {
      CarriedState moved = {at_state.position.clone(), at_state.momentum.clone(), at_state.memory};
      (d < n ? moved.position : moved.momentum).select(-1, d % n).add_(offset);
      const Rates rates = dynamics->Derivative(moved, held);
      return at::cat({rates.position, rates.momentum}, -1);
    };
    const at::Tensor expected = (rates_at(kStep) - rates_at(-kStep)) / (2.0 * kStep);
    const at::Tensor difference = (jacobian.select(-1, d) - expected).abs();
    EXPECT_LT(difference.max().item<double>(), 1e-7 * (1.0 + expected.abs().max().item<double>()))
        << "derivative by dimension " << d;
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, EveryKindTest, testing::ValuesIn(EveryKind()),
                         [](const auto& info) { return info.param.name; });

TEST(EveryKindTest, NoKindIsMissing) {
  std::set<DynamicsKind> kinds;
  for (const KindCase& kind : EveryKind()) kinds.insert(kind.kind);
  // Kinds are numbered without gaps; the one behind the last has no name.
  int count = 0;
  while (std::string(Name(static_cast<DynamicsKind>(count))) != "unknown kind") ++count;
  EXPECT_EQ(static_cast<int>(kinds.size()), count);
}

}  // namespace
}  // namespace rollout
