#include "trainer/sac/actor.h"

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/checkpoint/safetensors.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/sac/point_mass.h"
#include "trainer/sac/actor_file.h"
#include "trainer/sac/learned_actor.h"
#include "trainer/sac/networks.h"

namespace rollout {
namespace {

using testing::HasSubstr;

constexpr int kHidden = 40;  // no multiple of any vector's width

SacNetworkShape PointMassShape() {
  return {.networks = 1, .inputs = 2, .hidden = kHidden, .outputs = 2};
}

std::vector<float> RandomParameters() {
  Random random(8);
  return InitialParameters(PointMassShape(), random);
}

Actor RandomActor() {
  SacOptions options;
  options.hidden_size = kHidden;
  Actor actor = MakeLearnedActor(options, PointMass().info());
  CopyLearnedParameters(RandomParameters(), &actor);
  return actor;
}

TEST(Actor, ComputesWhatTheLearnersNetworkComputes) {
  const std::vector<float> parameters = RandomParameters();
  const Actor actor = RandomActor();
  ActorForward forward(&actor);
  SacNetworkPass pass(PointMassShape(), 1);
  for (const std::vector<float>& observation :
       {std::vector<float>{0.3f, -1.2f}, {5.0f, 2.0f}, {0.0f, 0.0f}}) {
    float action = 0.0f;
    forward.Deterministic(observation, {&action, 1});
    EXPECT_NEAR(action, std::tanh(pass.Forward(parameters, observation.data())[0]), 1e-6);
  }
}

TEST(ActorPolicy, ScalesItsActionsToTheControlBounds) {
  Actor actor = RandomActor();
  actor.mean.bias[0] = 20.0f;  // tanh = 1
  PointMass system;
  system.Reset(1);
  auto policy = ActorPolicy::Create(std::make_shared<const Actor>(actor), system.info(), false);
  ASSERT_OK(policy);
  double control = 0.0;
  (*policy)->StartEpisode(1);
  (*policy)->Act(system, {&control, 1});
  EXPECT_EQ(control, 2.0);
}

TEST(ActorPolicy, SamplesByTheEpisodesSeedAloneAndOnlyWhenAsked) {
  PointMass system;
  system.Reset(1);
  const auto actor = std::make_shared<const Actor>(RandomActor());
  const auto first_control = [&](bool stochastic, uint64_t seed) {
    auto policy = ActorPolicy::Create(actor, system.info(), stochastic);
    double control = 0.0;
    (*policy)->StartEpisode(seed);
    (*policy)->Act(system, {&control, 1});
    return control;
  };
  EXPECT_EQ(first_control(true, 3), first_control(true, 3));
  EXPECT_NE(first_control(true, 3), first_control(true, 4));
  EXPECT_EQ(first_control(false, 3), first_control(false, 4));
}

TEST(ActorPolicy, RefusesASystemThatTheActorDoesNotFit) {
  SystemInfo info = PointMass().info();
  info.name = "hopper_v5";
  EXPECT_THAT(ActorPolicy::Create(std::make_shared<const Actor>(RandomActor()), info, false),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr("gymnasium_v5:point_mass"),
                                      HasSubstr("gymnasium_v5:hopper"))));
}

TEST(ActorFile, GivesBackTheSameActor) {
  const TemporaryDirectory dir;
  Actor actor = RandomActor();
  actor.activation = ActorActivation::kTanh;
  actor.control_low = {-0.1};
  ASSERT_OK(WriteActorFile(dir / "actor.safetensors", actor));
  const auto read = ReadActorFile(dir / "actor.safetensors");
  ASSERT_OK(read);
  EXPECT_EQ(read->system, "point_mass");
  EXPECT_EQ(read->observation, "gymnasium_v5:point_mass");
  EXPECT_EQ(read->activation, ActorActivation::kTanh);
  EXPECT_EQ(read->control_low, actor.control_low);
  EXPECT_EQ(read->hidden.size(), 2u);
  EXPECT_EQ(read->hidden[1].weight, actor.hidden[1].weight);
  EXPECT_EQ(read->mean.bias, actor.mean.bias);
  EXPECT_EQ(read->log_std.weight, actor.log_std.weight);
}

struct Damage {
  std::string name;
  std::function<void(Safetensors&)> apply;
  std::string message;
};

NamedTensor& FindTensor(Safetensors& file, const std::string& name) {
  for (NamedTensor& tensor : file.tensors) {
    if (tensor.name == name) return tensor;
  }
  ADD_FAILURE() << "no tensor " << name;
  return file.tensors.front();
}

class DamagedActorFileTest : public testing::TestWithParam<Damage> {};

TEST_P(DamagedActorFileTest, IsRefusedNamingFileAndFault) {
  const TemporaryDirectory dir;
  const std::string path = dir / "actor.safetensors";
  ASSERT_OK(WriteActorFile(path, RandomActor()));
  auto file = ReadSafetensorsFile(path);
  ASSERT_OK(file);
  GetParam().apply(*file);
  ASSERT_OK(WriteSafetensorsFile(path, file->tensors, file->metadata));
  EXPECT_THAT(ReadActorFile(path),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       testing::AllOf(HasSubstr(path), HasSubstr(GetParam().message))));
}

INSTANTIATE_TEST_SUITE_P(
    Faults, DamagedActorFileTest,
    testing::Values(
        Damage{"format", [](Safetensors& f) { f.metadata["format"] = "other"; }, "rollout_actor"},
        Damage{"no_system", [](Safetensors& f) { f.metadata.erase("system"); }, "\"system\""},
        Damage{"activation", [](Safetensors& f) { f.metadata["activation"] = "GELU"; }, "GELU"},
        Damage{"bounds", [](Safetensors& f) { f.metadata["control_low"] = "-1,x"; }, "\"-1,x\""},
        Damage{"bound_count", [](Safetensors& f) { f.metadata["control_low"] = "-1,-1"; },
               "2 and 1 control bounds"},
        Damage{"missing_layer", [](Safetensors& f) { f.metadata["mean_layer"] = "fc_mean"; },
               "fc_mean.weight is missing"},
        Damage{"unknown_tensor",
               [](Safetensors& f) {
                 f.tensors.push_back({"critic", {1}, {0.0f}});
               },
               "tensor critic"},
        Damage{"rank", [](Safetensors& f) { FindTensor(f, "mu.weight").shape = {kHidden}; },
               "mu.weight"},
        Damage{"layers_do_not_join",
               [](Safetensors& f) {
                 NamedTensor& weight = FindTensor(f, "latent_pi.2.weight");
                 weight.shape = {kHidden, kHidden - 1};
                 weight.data.resize(kHidden * (kHidden - 1));
               },
               "expected [outputs, 40]"}),
    [](const testing::TestParamInfo<Damage>& info) { return info.param.name; });

TEST(ActorFile, SaysWhichFileIsMissing) {
  const TemporaryDirectory dir;
  EXPECT_THAT(ReadActorFile(dir / "missing.safetensors"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("missing.safetensors")));
}

TEST(ValidateActor, RefusesWeightsThatAreNotFinite) {
  Actor actor = RandomActor();
  actor.mean.bias[0] = std::numeric_limits<float>::infinity();
  EXPECT_THAT(ValidateActor(actor),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mean")));
}

}  // namespace
}  // namespace rollout
