#include "models/dynamics/weights.h"

#include <ATen/ATen.h>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/dynamics/dynamics.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::HasSubstr;

TransitionModel SmallModel() {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.has_force = true;
  choice.ensemble_size = 2;
  return RandomModel(MakeSpec(choice), 1);
}

TEST(ModelWeights, GoToFloat64AndBackUnchanged) {
  const TransitionModel model = SmallModel();
  ASSERT_OK_AND_ASSIGN(const ModelWeights weights,
                       ModelWeights::FromModel(model, at::TensorOptions(at::kDouble)));
  EXPECT_EQ(weights.Find("force.0.weight").scalar_type(), at::kDouble);
  const std::vector<NamedTensor> back = weights.ToFloat32();
  ASSERT_EQ(back.size(), model.weights.size());
  for (size_t i = 0; i < back.size(); ++i) {
    EXPECT_EQ(back[i].name, model.weights[i].name);
    EXPECT_EQ(back[i].shape, model.weights[i].shape);
    EXPECT_EQ(back[i].data, model.weights[i].data);
  }
}

TEST(ModelWeights, AreACopy) {
  TransitionModel model = SmallModel();
  ASSERT_OK_AND_ASSIGN(const ModelWeights weights,
                       ModelWeights::FromModel(model, at::TensorOptions(at::kFloat)));
  const float before = model.weights[0].data[0];
  weights.entries()[0].value.add_(1.0);
  EXPECT_EQ(model.weights[0].data[0], before);
}

TEST(ModelWeights, NameTheMissingAndTheMisshapenTensor) {
  TransitionModel model = SmallModel();
  model.weights[2].shape.back() += 1;
  EXPECT_THAT(ModelWeights::FromModel(model, at::TensorOptions(at::kFloat)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(model.weights[2].name)));
  const std::string name = model.weights[2].name;
  model.weights.erase(model.weights.begin() + 2);
  EXPECT_THAT(ModelWeights::FromModel(model, at::TensorOptions(at::kFloat)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name + " is missing")));
}

TEST(ModelWeights, OfAnotherSpecificationMakeNoDynamics) {
  const TransitionModel model = SmallModel();
  ASSERT_OK_AND_ASSIGN(const ModelWeights weights,
                       ModelWeights::FromModel(model, at::TensorOptions(at::kFloat)));
  TransitionModelSpec spec = model.spec;
  spec.dynamics.hidden_sizes = {16, 17};
  EXPECT_THAT(MakeDynamics(spec, weights),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another shape")));
}

}  // namespace
}  // namespace rollout
