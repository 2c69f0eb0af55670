#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using inference::ModelInferRequest;
using inference::ModelInferResponse;
using testing::ElementsAre;
using testing::HasSubstr;

class InferenceServiceTest : public ServerTest {
 protected:
  grpc::Status Infer(const ModelInferRequest& request, ModelInferResponse* response) {
    grpc::ClientContext context;
    return inference_->ModelInfer(&context, request, response);
  }
  grpc::Status Infer(const ModelInferRequest& request) {
    ModelInferResponse response;
    return Infer(request, &response);
  }
  bool ModelReady(const std::string& name, const std::string& version) {
    grpc::ClientContext context;
    inference::ModelReadyRequest request;
    request.set_name(name);
    request.set_version(version);
    inference::ModelReadyResponse response;
    EXPECT_TRUE(inference_->ModelReady(&context, request, &response).ok());
    return response.ready();
  }
};

std::vector<std::string> OutputNames(const ModelInferResponse& response) {
  std::vector<std::string> names;
  for (const auto& output : response.outputs()) names.push_back(output.name());
  return names;
}

TEST_F(InferenceServiceTest, AnswersAllOutputsRawWithTheirShapes) {
  repository_.Publish("model", 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("model", 2, 5);
  request.set_id("42");
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_EQ(response.id(), "42");
  EXPECT_EQ(response.model_name(), "model");
  EXPECT_EQ(response.model_version(), "1");
  EXPECT_THAT(OutputNames(response), ElementsAre("trajectory", "final_state"));
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2, 6, 4));
  EXPECT_THAT(response.outputs(1).shape(), ElementsAre(2, 4));
  EXPECT_EQ(response.outputs(0).datatype(), "FP32");
  ASSERT_EQ(response.raw_output_contents_size(), 2);

  // The other protocol says the same.
  grpc::ClientContext context;
  v1::RolloutReply reply;
  ASSERT_TRUE(transition_model_->Rollout(&context, MakeRolloutRequest("model", 2, 5), &reply).ok());
  EXPECT_EQ(response.raw_output_contents(0), reply.trajectory().data());
}

TEST_F(InferenceServiceTest, AnswersNamedOutputsInTheCallersOrder) {
  repository_.Publish("model", 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("model", 2, 5);
  request.add_outputs()->set_name("first_non_finite_step");
  request.add_outputs()->set_name("final_state");
  ModelInferResponse response;
  ASSERT_TRUE(Infer(request, &response).ok());
  EXPECT_THAT(OutputNames(response), ElementsAre("first_non_finite_step", "final_state"));
  EXPECT_EQ(response.outputs(0).datatype(), "INT32");
  EXPECT_THAT(response.outputs(0).shape(), ElementsAre(2));
  EXPECT_THAT(Ints(response.raw_output_contents(0)), ElementsAre(6, 6));
  EXPECT_EQ(Floats(response.raw_output_contents(1)).size(), 8u);
}

TEST_F(InferenceServiceTest, TakesNumbersInContentsLikeRawOnes) {
  repository_.Publish("model", 1);
  StartServer();
  const ModelInferRequest raw = MakeInferRequest("model", 2, 5);
  ModelInferRequest typed = raw;
  typed.clear_raw_input_contents();
  for (int i = 0; i < 2; ++i) {
    for (const float value : Floats(raw.raw_input_contents(i))) {
      typed.mutable_inputs(i)->mutable_contents()->add_fp32_contents(value);
    }
  }
  ModelInferResponse from_raw, from_typed;
  ASSERT_TRUE(Infer(raw, &from_raw).ok());
  ASSERT_TRUE(Infer(typed, &from_typed).ok());
  EXPECT_EQ(from_typed.raw_output_contents(0), from_raw.raw_output_contents(0));
}

TEST_F(InferenceServiceTest, InputsMayComeInAnyOrder) {
  repository_.Publish("model", 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("model", 2, 5);
  ModelInferResponse straight, swapped;
  ASSERT_TRUE(Infer(request, &straight).ok());
  request.mutable_inputs()->SwapElements(0, 1);
  request.mutable_raw_input_contents()->SwapElements(0, 1);
  ASSERT_TRUE(Infer(request, &swapped).ok());
  EXPECT_EQ(straight.raw_output_contents(0), swapped.raw_output_contents(0));
}

TEST_F(InferenceServiceTest, ClipsUnlessTheParameterSaysNo) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  spec.control_low = {-0.01f, -0.01f};
  spec.control_high = {0.01f, 0.01f};
  repository_.Publish(spec, 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("model", 1, 3);
  ModelInferResponse clipped, unclipped;
  ASSERT_TRUE(Infer(request, &clipped).ok());
  (*request.mutable_parameters())["clip_controls"].set_bool_param(false);
  ASSERT_TRUE(Infer(request, &unclipped).ok());
  EXPECT_NE(clipped.raw_output_contents(0), unclipped.raw_output_contents(0));
}

TEST_F(InferenceServiceTest, AModelWithARewardAnswersTheReturn) {
  TransitionModelSpec spec = TestRepository::Spec("cartpole");
  spec.num_controls = 1;
  spec.reward = "inverted_pendulum_v5";
  repository_.Publish(spec, 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("cartpole", 2, 2);
  // MakeInferRequest writes two controls; this model has one: reuse the first half of the bytes.
  request.mutable_inputs(1)->set_shape(2, 1);
  request.mutable_raw_input_contents(1)->resize(2 * 2 * 1 * 4);
  ModelInferResponse response;
  const grpc::Status status = Infer(request, &response);
  ASSERT_TRUE(status.ok()) << status.error_message();
  EXPECT_THAT(OutputNames(response), ElementsAre("trajectory", "final_state", "return"));
  EXPECT_THAT(response.outputs(2).shape(), ElementsAre(2));
  EXPECT_EQ(Floats(response.raw_output_contents(2)).size(), 2u);
}

struct BadCase {
  std::string name;
  void (*change)(ModelInferRequest*);
  grpc::StatusCode code;
  std::string message;
  friend void PrintTo(const BadCase& c, std::ostream* out) { *out << c.name; }
};

class BadInferTest : public InferenceServiceTest, public testing::WithParamInterface<BadCase> {};

TEST_P(BadInferTest, GetsItsStatusAndMessage) {
  repository_.Publish("model", 1);
  StartServer();
  ModelInferRequest request = MakeInferRequest("model", 2, 3);
  GetParam().change(&request);
  EXPECT_THAT(Infer(request), GrpcStatusIs(GetParam().code, HasSubstr(GetParam().message)));
  EXPECT_TRUE(Infer(MakeInferRequest("model", 2, 3)).ok()) << "the server stays up";
}

constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;
constexpr auto kNotFound = grpc::StatusCode::NOT_FOUND;

INSTANTIATE_TEST_SUITE_P(
    Table, BadInferTest,
    testing::Values(
        BadCase{"UnknownModel", [](ModelInferRequest* r) { r->set_model_name("m"); }, kNotFound,
                "models: model"},
        BadCase{"UnknownVersion", [](ModelInferRequest* r) { r->set_model_version("7"); },
                kNotFound, "model has no version 7 loaded; loaded versions: 1"},
        BadCase{"VersionThatIsNoNumber", [](ModelInferRequest* r) { r->set_model_version("01"); },
                kInvalid, "model_version: got \"01\", expected a positive whole number"},
        BadCase{"SurplusRawEntry", [](ModelInferRequest* r) { r->add_raw_input_contents("abcd"); },
                kInvalid, "raw_input_contents: got 3 entries, expected 2"},
        BadCase{"MissingRawEntry",
                [](ModelInferRequest* r) { r->mutable_raw_input_contents()->RemoveLast(); },
                kInvalid, "raw_input_contents: got 1 entries, expected 2"},
        BadCase{"RawAndContents",
                [](ModelInferRequest* r) {
                  r->mutable_inputs(0)->mutable_contents()->add_fp32_contents(1);
                },
                kInvalid, "initial_state: got contents beside raw_input_contents"},
        BadCase{"ContentsOfAnotherType",
                [](ModelInferRequest* r) {
                  r->clear_raw_input_contents();
                  r->mutable_inputs(0)->mutable_contents()->add_fp64_contents(1);
                },
                kInvalid, "initial_state: got contents of another type"},
        BadCase{"MissingInput",
                [](ModelInferRequest* r) {
                  r->mutable_inputs()->RemoveLast();
                  r->mutable_raw_input_contents()->RemoveLast();
                },
                kInvalid, "inputs: got no \"controls\", expected it"},
        BadCase{"UnknownInput",
                [](ModelInferRequest* r) { r->mutable_inputs(0)->set_name("state"); }, kInvalid,
                "inputs: got \"state\", expected initial_state, controls"},
        BadCase{"InputTwice",
                [](ModelInferRequest* r) { r->mutable_inputs(0)->set_name("controls"); }, kInvalid,
                "inputs: got \"controls\" twice"},
        BadCase{"UnknownOutput", [](ModelInferRequest* r) { r->add_outputs()->set_name("states"); },
                kInvalid, "outputs: got \"states\", expected trajectory, final_state"},
        BadCase{"OutputTwice",
                [](ModelInferRequest* r) {
                  r->add_outputs()->set_name("trajectory");
                  r->add_outputs()->set_name("trajectory");
                },
                kInvalid, "outputs: got \"trajectory\" twice"},
        BadCase{"ReturnWithoutReward",
                [](ModelInferRequest* r) { r->add_outputs()->set_name("return"); }, kInvalid,
                "outputs: got \"return\", expected trajectory, final_state"},
        BadCase{"WrongDatatype",
                [](ModelInferRequest* r) { r->mutable_inputs(1)->set_datatype("FP64"); }, kInvalid,
                "controls: got datatype \"FP64\", expected FP32"},
        BadCase{"NegativeDimension",
                [](ModelInferRequest* r) { r->mutable_inputs(1)->set_shape(0, -1); }, kInvalid,
                "controls: got a dimension of -1"},
        BadCase{"HugeDimensionThatWraps",
                [](ModelInferRequest* r) {
                  r->mutable_inputs(1)->set_shape(1, (int64_t{1} << 62) + 3);
                },
                kInvalid, "controls: got a horizon of 4611686018427387907"},
        BadCase{"WrongBytes",
                [](ModelInferRequest* r) { r->mutable_raw_input_contents(1)->pop_back(); },
                kInvalid, "controls: got 47 bytes, expected 48 for shape [2, 3, 2] of FP32"},
        BadCase{"InfiniteState",
                [](ModelInferRequest* r) {
                  const std::vector<float> states(8, -INFINITY);
                  r->set_raw_input_contents(0, states.data(), 32);
                },
                kInvalid, "initial_state[0, 0]: got an infinity"},
        BadCase{"ClipParameterOfAnotherType",
                [](ModelInferRequest* r) {
                  (*r->mutable_parameters())["clip_controls"].set_int64_param(0);
                },
                kInvalid, "parameters.clip_controls: got another type, expected a bool_param"},
        BadCase{
            "NegativeTimeout",
            [](ModelInferRequest* r) { (*r->mutable_parameters())["timeout"].set_int64_param(-1); },
            kInvalid, "parameters.timeout"},
        BadCase{"SharedMemory",
                [](ModelInferRequest* r) {
                  (*r->mutable_inputs(0)->mutable_parameters())["shared_memory_region"]
                      .set_string_param("x");
                },
                kInvalid, "initial_state: got the parameter \"shared_memory_region\""}),
    [](const auto& info) { return info.param.name; });

TEST_F(InferenceServiceTest, UndecodableBytesAreAnInvalidArgument) {
  repository_.Publish("model", 1);
  StartServer();
  EXPECT_THAT(
      CallWithBytes(channel_, "/inference.GRPCInferenceService/ModelInfer", "\xff\xff"),
      GrpcStatusIs(kInvalid, HasSubstr("expected the message inference.ModelInferRequest")));
}

TEST_F(InferenceServiceTest, ReadinessIsTrueOnlyForWhatServes) {
  repository_.Publish("good", 1);
  repository_.Publish("good", 2);
  repository_.Damage("good", 2);
  repository_.Publish("bad", 1);
  repository_.Damage("bad", 1);
  StartServer();
  EXPECT_TRUE(ModelReady("good", ""));
  EXPECT_TRUE(ModelReady("good", "1"));
  EXPECT_FALSE(ModelReady("good", "2"));
  EXPECT_FALSE(ModelReady("good", "x"));
  EXPECT_FALSE(ModelReady("bad", ""));
  EXPECT_FALSE(ModelReady("unknown", ""));
  EXPECT_THAT(Infer(MakeInferRequest("bad", 1, 1)),
              GrpcStatusIs(kNotFound, HasSubstr("version 1 is quarantined: ")));

  grpc::ClientContext live_context, ready_context;
  inference::ServerLiveResponse live;
  inference::ServerReadyResponse ready;
  EXPECT_TRUE(inference_->ServerLive(&live_context, {}, &live).ok());
  EXPECT_TRUE(inference_->ServerReady(&ready_context, {}, &ready).ok());
  EXPECT_TRUE(live.live());
  EXPECT_TRUE(ready.ready()) << "bad models do not make the server unready";
}

TEST_F(InferenceServiceTest, MetadataDescribesInputsAndOutputs) {
  repository_.Publish("model", 1);
  repository_.Publish("model", 2);
  StartServer();
  grpc::ClientContext server_context;
  inference::ServerMetadataResponse server;
  ASSERT_TRUE(inference_->ServerMetadata(&server_context, {}, &server).ok());
  EXPECT_EQ(server.name(), "rolloutd");

  grpc::ClientContext context;
  inference::ModelMetadataRequest request;
  request.set_name("model");
  inference::ModelMetadataResponse model;
  ASSERT_TRUE(inference_->ModelMetadata(&context, request, &model).ok());
  EXPECT_THAT(model.versions(), ElementsAre("1", "2"));
  ASSERT_EQ(model.inputs_size(), 2);
  EXPECT_EQ(model.inputs(0).name(), "initial_state");
  EXPECT_THAT(model.inputs(0).shape(), ElementsAre(-1, 4));
  EXPECT_THAT(model.inputs(1).shape(), ElementsAre(-1, -1, 2));
  ASSERT_EQ(model.outputs_size(), 3);
  EXPECT_EQ(model.outputs(2).datatype(), "INT32");

  grpc::ClientContext unknown_context;
  request.set_name("walker");
  EXPECT_THAT(inference_->ModelMetadata(&unknown_context, request, &model),
              GrpcStatusIs(kNotFound, HasSubstr("models: model")));
}

}  // namespace
}  // namespace rollout
