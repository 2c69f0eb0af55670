#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <thread>
#include <vector>

#include "models/engines/fused/fused_engine.h"
#include "tests/server/test_server.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class TransitionModelServiceTest : public ServerTest {
 protected:
  grpc::Status Rollout(const v1::RolloutRequest& request, v1::RolloutReply* reply) {
    grpc::ClientContext context;
    return transition_model_->Rollout(&context, request, reply);
  }
  grpc::Status Rollout(const v1::RolloutRequest& request) {
    v1::RolloutReply reply;
    return Rollout(request, &reply);
  }
};

// What the engine itself answers for the model that Publish(name, 1) wrote.
std::vector<float> Reference(const v1::RolloutRequest& request, int lanes, int horizon) {
  const auto engine = FusedCpuEngineModule().create(
      RandomModel(TestRepository::Spec(request.model()), 1), EngineOptions());
  const std::vector<float> states = Floats(request.initial_states());
  const std::vector<float> controls = Floats(request.controls());
  std::vector<float> trajectory(lanes * (horizon + 1) * 4);
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = states;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  EXPECT_OK((*engine)->Rollout({&job, 1}));
  return trajectory;
}

TEST_F(TransitionModelServiceTest, AnswersTheTrajectoryThatTheEngineComputes) {
  repository_.Publish("model", 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 3, 5);
  request.set_id("plan-7");
  v1::RolloutReply reply;
  ASSERT_TRUE(Rollout(request, &reply).ok());
  EXPECT_EQ(reply.model(), "model");
  EXPECT_EQ(reply.version(), 1u);
  EXPECT_EQ(reply.id(), "plan-7");
  EXPECT_EQ(reply.trajectory().dtype(), v1::Tensor::FP32);
  EXPECT_THAT(reply.trajectory().shape(), ElementsAre(3, 6, 4));
  EXPECT_EQ(Floats(reply.trajectory()), Reference(request, 3, 5));
  EXPECT_FALSE(reply.has_final_state());
  EXPECT_FALSE(reply.has_first_non_finite_step());
}

TEST_F(TransitionModelServiceTest, AnswersWhatWasChosen) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  repository_.Publish(spec, 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 2, 7);
  v1::RolloutReply whole;
  ASSERT_TRUE(Rollout(request, &whole).ok());
  const std::vector<float> states = Floats(whole.trajectory());

  request.mutable_outputs()->set_trajectory(true);
  request.mutable_outputs()->set_stride(3);
  request.mutable_outputs()->set_final_state(true);
  request.mutable_outputs()->set_terminated_step(true);
  request.mutable_outputs()->set_first_non_finite_step(true);
  v1::RolloutReply reply;
  ASSERT_TRUE(Rollout(request, &reply).ok());
  EXPECT_THAT(reply.trajectory().shape(), ElementsAre(2, 3, 4));
  const std::vector<float> thinned = Floats(reply.trajectory());
  const std::vector<float> last = Floats(reply.final_state());
  for (int lane = 0; lane < 2; ++lane) {
    for (int d = 0; d < 4; ++d) {
      for (int row = 0; row < 3; ++row) {
        EXPECT_EQ(thinned[(lane * 3 + row) * 4 + d], states[(lane * 8 + 3 * row) * 4 + d]);
      }
      EXPECT_EQ(last[lane * 4 + d], states[(lane * 8 + 7) * 4 + d]);
    }
  }
  EXPECT_THAT(Ints(reply.terminated_step().data()), ElementsAre(8, 8));
  EXPECT_THAT(Ints(reply.first_non_finite_step().data()), ElementsAre(8, 8));
  EXPECT_THAT(reply.first_non_finite_step().shape(), ElementsAre(2));
}

TEST_F(TransitionModelServiceTest, ScoresByACostHoldsControlsAndTellsTheSpread) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  spec.ensemble_size = 2;
  spec.data_low = {-100, -100, -100, -100};
  spec.data_high = {100, 100, 100, 100};
  repository_.Publish(spec, 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 2, 3);
  request.set_hold(2);
  request.set_discount(0.5);
  request.mutable_cost()->add_control(2.0f);
  request.mutable_cost()->add_control(0.0f);
  *request.mutable_controls() = MakeTensor({2, 3, 2}, {1, 9, 0, 9, 3, 9, 0, 9, 0, 9, 0, 9});
  v1::RolloutOutputs* outputs = request.mutable_outputs();
  outputs->set_final_state(true);
  outputs->set_total_return(true);
  outputs->set_rewards(true);
  outputs->set_spread(true);
  outputs->set_first_outside_step(true);
  v1::RolloutReply reply;
  ASSERT_TRUE(Rollout(request, &reply).ok());
  EXPECT_THAT(reply.rewards().shape(), ElementsAre(2, 6));
  EXPECT_THAT(Floats(reply.rewards()), ElementsAre(-2, -2, 0, 0, -18, -18, 0, 0, 0, 0, 0, 0));
  EXPECT_THAT(Floats(reply.total_return()), ElementsAre(-3 - 18 / 16.0f - 18 / 32.0f, 0));
  EXPECT_THAT(Floats(reply.return_spread()), ElementsAre(0, 0));
  EXPECT_THAT(Ints(reply.first_outside_step().data()), ElementsAre(7, 7));
  EXPECT_THAT(reply.final_state_spread().shape(), ElementsAre(2, 4));
  for (const float spread : Floats(reply.final_state_spread())) EXPECT_GT(spread, 0.0f);
  EXPECT_FALSE(reply.has_trajectory_spread());

  // One member a lane: the same seed, the same reply.
  outputs->set_spread(false);
  request.set_ensemble(v1::RolloutRequest::TS1);
  std::vector<std::string> replies;
  for (const int seed : {1, 1, 2, 3, 4}) {
    request.set_seed(seed);
    ASSERT_TRUE(Rollout(request, &reply).ok());
    replies.push_back(reply.final_state().data());
  }
  EXPECT_EQ(replies[0], replies[1]);
  EXPECT_FALSE(replies[0] == replies[2] && replies[0] == replies[3] && replies[0] == replies[4]);
}

TEST_F(TransitionModelServiceTest, OneInitialStateServesAllLanes) {
  repository_.Publish("model", 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 3, 4);
  const std::vector<float> state = {0.1f, -0.2f, 0.3f, -0.4f};
  *request.mutable_initial_states() = MakeTensor({1, 4}, state);
  v1::RolloutReply shared;
  ASSERT_TRUE(Rollout(request, &shared).ok());
  std::vector<float> repeated;
  for (int lane = 0; lane < 3; ++lane) repeated.insert(repeated.end(), state.begin(), state.end());
  *request.mutable_initial_states() = MakeTensor({3, 4}, repeated);
  v1::RolloutReply own;
  ASSERT_TRUE(Rollout(request, &own).ok());
  EXPECT_EQ(shared.trajectory().data(), own.trajectory().data());
}

TEST_F(TransitionModelServiceTest, ControlsAreClippedUnlessAskedNotTo) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  spec.control_low = {-0.1f, -0.1f};
  spec.control_high = {0.1f, 0.1f};
  repository_.Publish(spec, 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 1, 1);
  *request.mutable_controls() = MakeTensor({1, 1, 2}, {5.0f, -5.0f});
  v1::RolloutReply clipped, unclipped, at_bounds;
  ASSERT_TRUE(Rollout(request, &clipped).ok());
  request.set_clip_controls(false);
  ASSERT_TRUE(Rollout(request, &unclipped).ok());
  *request.mutable_controls() = MakeTensor({1, 1, 2}, {0.1f, -0.1f});
  ASSERT_TRUE(Rollout(request, &at_bounds).ok());
  EXPECT_EQ(clipped.trajectory().data(), at_bounds.trajectory().data());
  EXPECT_NE(unclipped.trajectory().data(), at_bounds.trajectory().data());
}

TEST_F(TransitionModelServiceTest, ADivergingLaneIsNoErrorAndTheReplySaysFromWhichStep) {
  repository_.Publish("model", 1);
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 2, 3);
  std::vector<float> states = Floats(request.initial_states());
  const v1::Tensor good = request.initial_states();
  v1::RolloutReply before;
  ASSERT_TRUE(Rollout(request, &before).ok());
  // The largest float as a velocity overflows the position.
  states[4] = states[6] = std::numeric_limits<float>::max();
  *request.mutable_initial_states() = MakeTensor({2, 4}, states);
  v1::RolloutReply reply;
  ASSERT_TRUE(Rollout(request, &reply).ok());
  const std::vector<int32_t> steps = Ints(reply.first_non_finite_step().data());
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(steps[0], 4) << "finite throughout";
  EXPECT_GE(steps[1], 1);
  EXPECT_LE(steps[1], 3);
  EXPECT_EQ(reply.trajectory().data().substr(0, 4 * 4 * 4),
            before.trajectory().data().substr(0, 4 * 4 * 4))
      << "its neighbour keeps its bits";
}

struct BadCase {
  std::string name;
  void (*change)(v1::RolloutRequest*);
  grpc::StatusCode code;
  std::string message;
  friend void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }
};

class BadRolloutTest : public TransitionModelServiceTest,
                       public testing::WithParamInterface<BadCase> {};

TEST_P(BadRolloutTest, GetsItsStatusAndMessage) {
  repository_.Publish("model", 1);
  repository_.Publish("model", 2);
  repository_.Damage("model", 2);
  options_.request.max_lanes = 100;
  StartServer();
  v1::RolloutRequest request = MakeRolloutRequest("model", 2, 3);
  GetParam().change(&request);
  EXPECT_THAT(Rollout(request), GrpcStatusIs(GetParam().code, HasSubstr(GetParam().message)));
  EXPECT_TRUE(Rollout(MakeRolloutRequest("model", 2, 3)).ok()) << "the server stays up";
}

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;

INSTANTIATE_TEST_SUITE_P(
    Table, BadRolloutTest,
    testing::Values(
        BadCase{"UnknownModel", [](v1::RolloutRequest* r) { r->set_model("walker"); }, kNotFound,
                "model \"walker\" is not in the repository; models: model"},
        BadCase{"NoModel", [](v1::RolloutRequest* r) { r->clear_model(); }, kNotFound,
                "model \"\" is not in the repository"},
        BadCase{"UnknownVersion", [](v1::RolloutRequest* r) { r->set_version(9); }, kNotFound,
                "model has no version 9 loaded; loaded versions: 1"},
        BadCase{"HugeVersion", [](v1::RolloutRequest* r) { r->set_version(UINT64_MAX); }, kNotFound,
                "loaded versions: 1"},
        BadCase{"QuarantinedVersion", [](v1::RolloutRequest* r) { r->set_version(2); }, kNotFound,
                "version 2 is quarantined: "},
        BadCase{"NoTensors",
                [](v1::RolloutRequest* r) {
                  r->clear_initial_states();
                  r->clear_controls();
                },
                kInvalid, "initial_states: got dtype DATA_TYPE_UNSPECIFIED, expected FP32"},
        BadCase{"WrongType",
                [](v1::RolloutRequest* r) { r->mutable_controls()->set_dtype(v1::Tensor::FP64); },
                kInvalid, "controls: got dtype FP64, expected FP32"},
        BadCase{"WrongShape", [](v1::RolloutRequest* r) { r->mutable_controls()->set_shape(2, 3); },
                kInvalid,
                "controls: got shape [2, 3, 3], expected [B, T, 2] (model has 2 controls)"},
        BadCase{"OverflowingShape",
                [](v1::RolloutRequest* r) {
                  *r->mutable_initial_states() = MakeTensor({1, 4}, std::vector<float>(4));
                  r->mutable_controls()->set_shape(0, (uint64_t{1} << 62) + 2);
                },
                kInvalid, "controls: got 4611686018427387906 lanes, expected at most 100"},
        BadCase{"TooManyLanes",
                [](v1::RolloutRequest* r) {
                  *r->mutable_controls() = MakeTensor({101, 1, 2}, std::vector<float>(202));
                  *r->mutable_initial_states() = MakeTensor({1, 4}, std::vector<float>(4));
                },
                kInvalid,
                "controls: got 101 lanes, expected at most 100 (the server's --max-lanes)"},
        BadCase{"Nan",
                [](v1::RolloutRequest* r) {
                  std::vector<float> controls(12);
                  controls[5] = std::nanf("");
                  *r->mutable_controls() = MakeTensor({2, 3, 2}, controls);
                },
                kInvalid, "controls[0, 2, 1]: got NaN, expected a finite number"},
        BadCase{"ReturnWithoutReward",
                [](v1::RolloutRequest* r) { r->mutable_outputs()->set_total_return(true); },
                kInvalid, "outputs: got a request for the return, but model names no reward"}),
    [](const auto& info) { return info.param.name; });

TEST_F(TransitionModelServiceTest, UndecodableBytesAreAnInvalidArgument) {
  repository_.Publish("model", 1);
  StartServer();
  EXPECT_THAT(
      CallWithBytes(channel_, "/rollout.v1.TransitionModel/Rollout", "\x0a\xff\xff\xff\xff\x0f!"),
      GrpcStatusIs(kInvalid, AllOf(HasSubstr("7 bytes that do not decode"),
                                   HasSubstr("expected the message rollout.v1.RolloutRequest"))));
}

TEST_F(TransitionModelServiceTest, MixedHorizonsAtOnceAreAnsweredAsAlone) {
  repository_.Publish("model", 1);
  StartServer();
  constexpr int kCallers = 8;
  constexpr int kRounds = 20;
  std::vector<std::thread> callers;
  std::vector<int> wrong(kCallers, 0);
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < kRounds; ++round) {
        const int lanes = 1 + (caller + round) % 5;
        const int horizon = 1 + (caller * 7 + round * 3) % 40;
        const v1::RolloutRequest request =
            MakeRolloutRequest("model", lanes, horizon, 100 * caller + round);
        v1::RolloutReply reply;
        if (!Rollout(request, &reply).ok() ||
            Floats(reply.trajectory()) != Reference(request, lanes, horizon)) {
          ++wrong[caller];
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_THAT(wrong, Each(0));
}

TEST_F(TransitionModelServiceTest, ModelsAreListedWithStateReasonAndSpec) {
  repository_.Publish("beta", 1);
  repository_.Publish("beta", 2);
  repository_.Damage("beta", 2);
  repository_.Publish("alpha", 1);
  StartServer();
  grpc::ClientContext context;
  v1::ListModelsReply list;
  ASSERT_TRUE(transition_model_->ListModels(&context, {}, &list).ok());
  ASSERT_EQ(list.models_size(), 2);
  EXPECT_EQ(list.models(0).name(), "alpha");

  grpc::ClientContext get_context;
  v1::GetModelRequest get;
  get.set_model("beta");
  v1::Model beta;
  ASSERT_TRUE(transition_model_->GetModel(&get_context, get, &beta).ok());
  EXPECT_EQ(beta.serving_version(), 1u);
  ASSERT_EQ(beta.versions_size(), 2);
  EXPECT_EQ(beta.versions(0).version(), 2u);
  EXPECT_EQ(beta.versions(0).state(), v1::ModelVersion::QUARANTINED);
  EXPECT_THAT(beta.versions(0).reason(), HasSubstr("weights.safetensors"));
  EXPECT_EQ(beta.versions(1).state(), v1::ModelVersion::READY);
  EXPECT_EQ(beta.versions(1).engine(), "fused");
  EXPECT_EQ(beta.versions(1).spec().num_positions(), 2u);
  EXPECT_GT(beta.versions(1).published_timestamp_seconds(), 1.6e9);

  grpc::ClientContext unknown_context;
  get.set_model("gamma");
  EXPECT_THAT(transition_model_->GetModel(&unknown_context, get, &beta),
              GrpcStatusIs(kNotFound, HasSubstr("models: alpha, beta")));
}

}  // namespace
}  // namespace rollout
