// Gradient and Linearize through a whole server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "server/registry/version_overrides.h"
#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class GradientServiceTest : public ServerTest {
 protected:
  grpc::Status Gradient(const v1::GradientRequest& request, v1::GradientReply* reply) {
    grpc::ClientContext context;
    return transition_model_->Gradient(&context, request, reply);
  }
  std::string Refusal(const v1::GradientRequest& request) {
    v1::GradientReply reply;
    const grpc::Status status = Gradient(request, &reply);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    return status.error_message();
  }

  // d (sum of final states) of 2 lanes over 3 transitions.
  static v1::GradientRequest Request() {
    const v1::RolloutRequest rollout = MakeRolloutRequest("model", 2, 3);
    v1::GradientRequest request;
    request.set_model("model");
    *request.mutable_initial_states() = rollout.initial_states();
    *request.mutable_controls() = rollout.controls();
    *request.mutable_final_state_cotangents() = MakeTensor({2, 4}, std::vector<float>(8, 1.0f));
    return request;
  }

  double SumOfFinalStates(const v1::GradientRequest& request, int lane) {
    v1::RolloutRequest rollout;
    rollout.set_model("model");
    *rollout.mutable_initial_states() = request.initial_states();
    *rollout.mutable_controls() = request.controls();
    rollout.mutable_outputs()->set_final_state(true);
    v1::RolloutReply reply;
    grpc::ClientContext context;
    EXPECT_TRUE(transition_model_->Rollout(&context, rollout, &reply).ok());
    const std::vector<float> states = Floats(reply.final_state());
    double sum = 0.0;
    for (int i = 0; i < 4; ++i) sum += states[lane * 4 + i];
    return sum;
  }
};

TEST_F(GradientServiceTest, AnswersTheDerivativesOfWhatRolloutAnswers) {
  repository_.Publish("model", 1);
  StartServer();
  const v1::GradientRequest request = Request();
  v1::GradientReply reply;
  const grpc::Status status = Gradient(request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  const size_t nu = Floats(request.controls()).size() / 6;
  EXPECT_EQ(reply.model(), "model");
  EXPECT_THAT(reply.controls().shape(), ElementsAre(2, 3, nu));
  EXPECT_THAT(reply.initial_states().shape(), ElementsAre(2, 4));
  EXPECT_THAT(Ints(reply.first_non_finite_step().data()), ElementsAre(4, 4));
  // float32 differences see three digits of it.
  std::vector<float> states = Floats(request.initial_states());
  for (int i = 0; i < 4; ++i) {
    const auto value_at = [&](float step) {
      std::vector<float> moved = states;
      moved[4 + i] += step;
      v1::GradientRequest other = request;
      *other.mutable_initial_states() = MakeTensor({2, 4}, moved);
      return SumOfFinalStates(other, 1);
    };
    EXPECT_NEAR(Floats(reply.initial_states())[4 + i],
                (value_at(0.0625f) - value_at(-0.0625f)) / 0.125, 2e-3);
  }
}

TEST_F(GradientServiceTest, IsZeroWhereABoundCutAControlOff) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  spec.control_low = {-1.0f, -1.0f};
  spec.control_high = {1.0f, 1.0f};
  repository_.Publish(spec, 1);
  StartServer();
  v1::GradientRequest request = Request();
  std::vector<float> controls = Floats(request.controls());
  const uint64_t nu = controls.size() / 6;
  controls[0] = 100.0f;
  *request.mutable_controls() = MakeTensor({2, 3, nu}, controls);
  v1::GradientReply clipped, unclipped;
  ASSERT_TRUE(Gradient(request, &clipped).ok());
  request.set_clip_controls(false);
  ASSERT_TRUE(Gradient(request, &unclipped).ok());
  EXPECT_EQ(Floats(clipped.controls())[0], 0.0f);
  EXPECT_NE(Floats(clipped.controls())[nu], 0.0f);
  EXPECT_NE(Floats(unclipped.controls())[nu], Floats(clipped.controls())[nu]);
}

TEST_F(GradientServiceTest, LinearizesAlongARollout) {
  repository_.Publish("model", 1);
  StartServer();
  const v1::GradientRequest gradient = Request();
  const std::vector<float> controls = Floats(gradient.controls());
  const size_t nu = controls.size() / 6;
  const std::vector<float> states = Floats(gradient.initial_states());
  v1::LinearizeRequest request;
  request.set_model("model");
  *request.mutable_initial_state() = MakeTensor({4}, {states.begin(), states.begin() + 4});
  *request.mutable_controls() =
      MakeTensor({3, nu}, {controls.begin(), controls.begin() + static_cast<ptrdiff_t>(3 * nu)});
  v1::LinearizeReply reply;
  grpc::ClientContext context;
  const grpc::Status status = transition_model_->Linearize(&context, request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(reply.trajectory().shape(), ElementsAre(4, 4));
  EXPECT_THAT(reply.state_jacobians().shape(), ElementsAre(3, 4, 4));
  EXPECT_THAT(reply.control_jacobians().shape(), ElementsAre(3, 4, nu));
  // Ones . A(2) A(1) A(0) is the gradient of the sum of final states.
  std::vector<double> row(4, 1.0);
  const std::vector<float> a = Floats(reply.state_jacobians());
  for (int step = 2; step >= 0; --step) {
    std::vector<double> next(4, 0.0);
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 4; ++k) next[k] += row[i] * a[step * 16 + i * 4 + k];
    }
    row = next;
  }
  v1::GradientReply expected;
  ASSERT_TRUE(Gradient(gradient, &expected).ok());
  for (int k = 0; k < 4; ++k) {
    EXPECT_NEAR(row[k], Floats(expected.initial_states())[k], 1e-4);
  }
}

TEST_F(GradientServiceTest, DifferentiatesACostOfTheRequest) {
  repository_.Publish("model", 1);  // it names no reward
  StartServer();
  v1::GradientRequest request = Request();
  request.clear_final_state_cotangents();
  request.set_of_return(true);
  request.set_discount(0.9);
  for (const float weight : {1.0f, 0.5f, 0.1f, 0.0f}) request.mutable_cost()->add_state(weight);
  for (const float weight : {0.3f, 0.2f}) request.mutable_cost()->add_control(weight);
  v1::GradientReply reply;
  const grpc::Status status = Gradient(request, &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();

  const std::vector<float> controls = Floats(request.controls());
  const auto return_at = [&](size_t index, float step) {
    std::vector<float> moved = controls;
    moved[index] += step;
    v1::RolloutRequest rollout;
    rollout.set_model("model");
    *rollout.mutable_initial_states() = request.initial_states();
    *rollout.mutable_controls() = MakeTensor({2, 3, 2}, moved);
    *rollout.mutable_cost() = request.cost();
    rollout.set_discount(0.9);
    rollout.mutable_outputs()->set_total_return(true);
    v1::RolloutReply answer;
    grpc::ClientContext context;
    EXPECT_TRUE(transition_model_->Rollout(&context, rollout, &answer).ok());
    return static_cast<double>(Floats(answer.total_return())[0]);
  };
  EXPECT_NEAR(Floats(reply.total_return())[0], return_at(0, 0.0f), 1e-5);
  for (size_t index = 0; index < 6; ++index) {  // of the first lane
    EXPECT_NEAR(Floats(reply.controls())[index],
                (return_at(index, 0.0625f) - return_at(index, -0.0625f)) / 0.125, 2e-3);
  }
}

TEST_F(GradientServiceTest, AsksTheVersionThatALabelStandsFor) {
  repository_.Publish("model", 1);
  repository_.Publish("model", 2);
  ASSERT_OK(ParseLabels("stable=model:1", &options_.overrides));
  StartServer();
  v1::GradientRequest request = Request();
  request.set_label("stable");
  v1::GradientReply reply;
  ASSERT_TRUE(Gradient(request, &reply).ok());
  EXPECT_EQ(reply.version(), 1u);
  request.set_version(2);
  EXPECT_THAT(Refusal(request), HasSubstr("expected at most one of them"));
  v1::LinearizeRequest linearize;
  linearize.set_model("model");
  linearize.set_label("nobody");
  v1::LinearizeReply linearized;
  grpc::ClientContext context;
  EXPECT_THAT(transition_model_->Linearize(&context, linearize, &linearized),
              GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("has no label")));
}

TEST_F(GradientServiceTest, HeldControlsAreThoseOfEachTransitionAndTheirGradientIsTheSum) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  spec.control_low = {-1.0f, -1.0f};
  spec.control_high = {1.0f, 1.0f};
  repository_.Publish(spec, 1);
  StartServer();
  // Rows of two controls each: the first number of the second one is cut off.
  const std::vector<float> rows = {0.5f, -0.25f, 7.0f, 0.125f};
  std::vector<float> transitions;
  for (size_t row : {0, 0, 0, 1, 1, 1}) {
    transitions.insert(transitions.end(), rows.begin() + 2 * row, rows.begin() + 2 * row + 2);
  }
  v1::GradientRequest each = Request();
  *each.mutable_initial_states() = MakeTensor({1, 4}, {0.1f, -0.2f, 0.3f, 0.4f});
  *each.mutable_final_state_cotangents() = MakeTensor({1, 4}, {1.0f, 1.0f, 1.0f, 1.0f});
  v1::GradientRequest held = each;
  *each.mutable_controls() = MakeTensor({1, 6, 2}, transitions);
  *held.mutable_controls() = MakeTensor({1, 2, 2}, rows);
  held.set_hold(3);
  v1::GradientReply of_each, of_held;
  ASSERT_TRUE(Gradient(each, &of_each).ok());
  const grpc::Status status = Gradient(held, &of_held);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(Floats(of_held.final_state()), Floats(of_each.final_state()));
  EXPECT_EQ(Floats(of_held.initial_states()), Floats(of_each.initial_states()));
  EXPECT_THAT(of_held.controls().shape(), ElementsAre(1, 2, 2));
  const std::vector<float> by_each = Floats(of_each.controls());
  const std::vector<float> by_held = Floats(of_held.controls());
  for (size_t i = 0; i < 4; ++i) {
    const size_t first = i / 2 * 6 + i % 2;
    EXPECT_FLOAT_EQ(by_held[i], by_each[first] + by_each[first + 2] + by_each[first + 4]) << i;
  }
  EXPECT_EQ(by_held[2], 0.0f) << "cut off";
  EXPECT_NE(by_held[3], 0.0f);

  v1::LinearizeRequest linearize;
  linearize.set_model("model");
  *linearize.mutable_initial_state() = held.initial_states();
  *linearize.mutable_controls() = held.controls();
  linearize.set_hold(3);
  v1::LinearizeReply along_held, along_each;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(transition_model_->Linearize(&context, linearize, &along_held).ok());
  }
  *linearize.mutable_controls() = each.controls();
  linearize.set_hold(1);
  {
    grpc::ClientContext context;
    ASSERT_TRUE(transition_model_->Linearize(&context, linearize, &along_each).ok());
  }
  EXPECT_THAT(along_held.control_jacobians().shape(), ElementsAre(6, 4, 2));
  EXPECT_EQ(Floats(along_held.control_jacobians()), Floats(along_each.control_jacobians()));
  EXPECT_EQ(Floats(along_held.trajectory()), Floats(along_each.trajectory()));
}

TEST_F(GradientServiceTest, HoldsAgainstTheLimitWhatTheReplyHolds) {
  repository_.Publish("model", 1);
  // 2 lanes of 3 transitions: controls 12, initial and final states 8 each, first non-finite
  // steps 2.
  options_.request.max_reply_bytes = 4 * (12 + 8 + 8 + 2);
  StartServer();
  v1::GradientReply reply;
  const grpc::Status status = Gradient(Request(), &reply);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.controls().data().size() + reply.initial_states().data().size() +
                reply.final_state().data().size() + reply.first_non_finite_step().data().size(),
            120u);
  v1::GradientRequest longer = Request();
  *longer.mutable_controls() = MakeRolloutRequest("model", 2, 4).controls();
  EXPECT_THAT(Refusal(longer), HasSubstr("controls: the reply would take 136 bytes, expected at "
                                         "most 120 (the server's --max-reply-bytes)"));
  // 1 + 3 states, 3 Jacobians of them and 3 of controls.
  v1::LinearizeRequest linearize;
  linearize.set_model("model");
  *linearize.mutable_initial_state() = MakeTensor({4}, std::vector<float>(4));
  *linearize.mutable_controls() = MakeTensor({3, 2}, std::vector<float>(6));
  v1::LinearizeReply linearized;
  grpc::ClientContext context;
  EXPECT_THAT(transition_model_->Linearize(&context, linearize, &linearized),
              GrpcStatusIs(grpc::StatusCode::INVALID_ARGUMENT,
                           HasSubstr("the reply would take 352 bytes, expected at most 120")));
}

TEST_F(GradientServiceTest, BoundsTheStatesThatItDifferentiatesAlong) {
  repository_.Publish("model", 1);
  options_.request.max_gradient_bytes =
      4 * (2 * 4 * 4 + 2 * 3 * 2);  // 2 lanes of 4 states, 3 controls
  StartServer();
  v1::GradientReply reply;
  EXPECT_TRUE(Gradient(Request(), &reply).ok());
  v1::GradientRequest longer = Request();
  *longer.mutable_controls() = MakeRolloutRequest("model", 2, 4).controls();
  EXPECT_THAT(Refusal(longer),
              HasSubstr("controls: the states and controls to differentiate along would take 224 "
                        "bytes, expected at most 176 (the server's --max-gradient-bytes)"));
}

TEST_F(GradientServiceTest, SaysWhatIsWrong) {
  repository_.Publish("model", 1);
  StartServer();
  v1::GradientRequest request = Request();
  request.clear_final_state_cotangents();
  EXPECT_THAT(Refusal(request), HasSubstr("got 0 of them, expected exactly one"));
  request.set_of_return(true);
  request.set_discount(1.5);
  EXPECT_THAT(Refusal(request),
              testing::AnyOf(HasSubstr("discount: got 1.5"), HasSubstr("names no reward")));
  request = Request();
  *request.mutable_final_state_cotangents() = MakeTensor({2, 3}, std::vector<float>(6, 1.0f));
  EXPECT_THAT(Refusal(request),
              HasSubstr("final_state_cotangents: got shape [2, 3], expected [2, 4]"));
  *request.mutable_final_state_cotangents() =
      MakeTensor({2, 4}, std::vector<float>(8, std::numeric_limits<float>::quiet_NaN()));
  EXPECT_THAT(Refusal(request), HasSubstr("final_state_cotangents[0, 0]: got NaN"));
  request = Request();
  request.mutable_cost()->add_state(1.0f);
  EXPECT_THAT(Refusal(request), HasSubstr("cost: got one without of_return"));
  request.clear_final_state_cotangents();
  request.set_of_return(true);
  EXPECT_THAT(Refusal(request), HasSubstr("cost.state: got 1 numbers, expected 4 or none"));
  request = Request();
  request.set_model("nobody");
  v1::GradientReply reply;
  EXPECT_EQ(Gradient(request, &reply).error_code(), grpc::StatusCode::NOT_FOUND);
}

}  // namespace
}  // namespace rollout
