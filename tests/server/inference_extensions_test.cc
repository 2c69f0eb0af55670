#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <future>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class InferenceExtensionsTest : public ServerTest {
 protected:
  inference::ModelStatistics Statistics(const std::string& version) {
    grpc::ClientContext context;
    inference::ModelStatisticsRequest request;
    request.set_name("model");
    request.set_version(version);
    inference::ModelStatisticsResponse response;
    EXPECT_TRUE(inference_->ModelStatistics(&context, request, &response).ok());
    EXPECT_EQ(response.model_stats_size(), 1);
    return response.model_stats(0);
  }
  grpc::Status Infer(const inference::ModelInferRequest& request) {
    grpc::ClientContext context;
    inference::ModelInferResponse response;
    return inference_->ModelInfer(&context, request, &response);
  }
};

TEST_F(InferenceExtensionsTest, TheConfigurationDescribesTheTensors) {
  repository_.Publish("model", 1);
  StartServer();
  grpc::ClientContext context;
  inference::ModelConfigRequest request;
  request.set_name("model");
  inference::ModelConfigResponse response;
  ASSERT_TRUE(inference_->ModelConfig(&context, request, &response).ok());
  const inference::ModelConfig& config = response.config();
  EXPECT_EQ(config.name(), "model");
  EXPECT_EQ(config.max_batch_size(), 0);
  ASSERT_EQ(config.input_size(), 2);
  EXPECT_EQ(config.input(0).name(), "initial_state");
  EXPECT_EQ(config.input(0).data_type(), inference::TYPE_FP32);
  EXPECT_THAT(config.input(0).dims(), ElementsAre(-1, 4));
  EXPECT_THAT(config.input(1).dims(), ElementsAre(-1, -1, 2));
  EXPECT_FALSE(config.model_transaction_policy().decoupled());
}

TEST_F(InferenceExtensionsTest, StatisticsCountWhatHappened) {
  repository_.Publish("model", 1);
  StartServer();
  EXPECT_EQ(Statistics("1").inference_count(), 0u);
  constexpr int kRequests = 5;
  for (int i = 0; i < kRequests; ++i) ASSERT_TRUE(Infer(MakeInferRequest("model", 3, 4)).ok());
  inference::ModelInferRequest late = MakeInferRequest("model", 1, 16000);
  (*late.mutable_parameters())["timeout"].set_int64_param(1);
  EXPECT_EQ(Infer(late).error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  const inference::ModelStatistics stats = Statistics("");
  EXPECT_EQ(stats.version(), "1");
  EXPECT_EQ(stats.inference_count(), 15u) << "lanes";
  EXPECT_EQ(stats.execution_count(), 5u) << "one request after the other";
  EXPECT_EQ(stats.inference_stats().success().count(), 5u);
  EXPECT_EQ(stats.inference_stats().fail().count(), 1u);
  EXPECT_EQ(stats.inference_stats().queue().count(), 5u);
  EXPECT_EQ(stats.inference_stats().compute_infer().count(), 5u);
  EXPECT_GT(stats.inference_stats().compute_infer().ns(), 0u);
  EXPECT_GT(stats.last_inference(), 1'600'000'000'000u);
  // The parts of a request do not overlap.
  const auto& parts = stats.inference_stats();
  EXPECT_EQ(parts.queue().ns() + parts.compute_input().ns() + parts.compute_infer().ns() +
                parts.compute_output().ns(),
            parts.success().ns());
  ASSERT_EQ(stats.batch_stats_size(), 1);
  EXPECT_EQ(stats.batch_stats(0).batch_size(), 3u);
  EXPECT_EQ(stats.batch_stats(0).compute_infer().count(), 5u);
  EXPECT_LE(stats.batch_stats(0).compute_infer().ns(), parts.compute_infer().ns());
}

TEST_F(InferenceExtensionsTest, RequestsThatShareABatchAreOneExecution) {
  PublishSlowModel("model");
  options_.metrics_listen = "127.0.0.1:0";
  options_.batch.batch_lanes = 16;
  StartServer();
  // What fills the engine goes away once all others wait.
  grpc::ClientContext endless;
  auto filled = std::async(std::launch::async, [&] {
    inference::ModelInferResponse response;
    return inference_->ModelInfer(&endless, MakeInferRequest("model", 16, 16000), &response);
  });
  const auto wait_for = [&](const std::string& series) {
    while (Scrape(server_->metrics_address()).find(series) == std::string::npos) {
      std::this_thread::yield();
    }
  };
  wait_for("rollout_batch_lanes_count{model=\"model\",version=\"1\"} 1");
  constexpr int kRequests = 6;
  std::vector<std::future<grpc::Status>> waiting;
  for (int i = 0; i < kRequests; ++i) {
    waiting.push_back(
        std::async(std::launch::async, [this] { return Infer(MakeInferRequest("model", 2, 3)); }));
  }
  wait_for("rollout_queue_lanes{model=\"model\",version=\"1\"} 12");
  endless.TryCancel();
  EXPECT_EQ(filled.get().error_code(), grpc::StatusCode::CANCELLED);
  for (auto& status : waiting) EXPECT_TRUE(status.get().ok());

  const inference::ModelStatistics stats = Statistics("1");
  EXPECT_EQ(stats.inference_stats().success().count(), 6u) << "requests";
  EXPECT_EQ(stats.inference_count(), 12u) << "lanes";
  EXPECT_EQ(stats.execution_count(), 1u) << "engine batches";
  ASSERT_EQ(stats.batch_stats_size(), 1);
  EXPECT_EQ(stats.batch_stats(0).batch_size(), 12u);
  // The batch counts its time once, each of the six requests counts it as its own (how much time
  // is told with a clock of the test's in batch_tally_test.cc).
  EXPECT_EQ(stats.batch_stats(0).compute_infer().count(), 1u);
  EXPECT_EQ(stats.inference_stats().compute_infer().count(), 6u);
}

TEST_F(InferenceExtensionsTest, StatisticsOfAnUnknownModelAreNotFound) {
  repository_.Publish("model", 1);
  StartServer();
  for (const char* version : {"", "1"}) {
    grpc::ClientContext context;
    inference::ModelStatisticsRequest request;
    request.set_name("walker");
    request.set_version(version);
    inference::ModelStatisticsResponse response;
    EXPECT_THAT(inference_->ModelStatistics(&context, request, &response),
                GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("models: model")));
  }
}

TEST_F(InferenceExtensionsTest, TheRepositoryIsListedUnloadedAndLoaded) {
  repository_.Publish("bad", 1);
  repository_.Damage("bad", 1);
  for (uint64_t seed = 1; seed <= 3; ++seed) repository_.Publish("model", seed);
  StartServer();
  const auto index = [&](bool ready) {
    grpc::ClientContext context;
    inference::RepositoryIndexRequest request;
    request.set_ready(ready);
    inference::RepositoryIndexResponse response;
    EXPECT_TRUE(inference_->RepositoryIndex(&context, request, &response).ok());
    std::map<std::string, std::string> states;
    for (const auto& model : response.models()) {
      states[model.name() + "/" + model.version()] = model.state();
    }
    return states;
  };
  EXPECT_THAT(
      index(false),
      ElementsAre(testing::Pair("bad/1", "UNAVAILABLE"), testing::Pair("model/1", "UNAVAILABLE"),
                  testing::Pair("model/2", "READY"), testing::Pair("model/3", "READY")));
  EXPECT_EQ(index(true).size(), 2u);
  {
    grpc::ClientContext context;
    inference::RepositoryModelUnloadRequest request;
    request.set_model_name("model");
    inference::RepositoryModelUnloadResponse response;
    EXPECT_TRUE(inference_->RepositoryModelUnload(&context, request, &response).ok());
  }
  EXPECT_EQ(index(true).size(), 0u);
  EXPECT_EQ(Infer(MakeInferRequest("model", 1, 2)).error_code(), grpc::StatusCode::NOT_FOUND);
  const auto load = [&](const std::string& model, const std::string& parameter = "") {
    grpc::ClientContext context;
    inference::RepositoryModelLoadRequest request;
    request.set_model_name(model);
    if (!parameter.empty()) (*request.mutable_parameters())[parameter].set_string_param("{}");
    inference::RepositoryModelLoadResponse response;
    return inference_->RepositoryModelLoad(&context, request, &response);
  };
  EXPECT_TRUE(load("model").ok());
  EXPECT_TRUE(Infer(MakeInferRequest("model", 1, 2)).ok());
  EXPECT_THAT(load("bad"),
              GrpcStatusIs(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("quarantined")));
  EXPECT_THAT(load("walker"), GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("walker")));
  EXPECT_THAT(load("model", "config"),
              GrpcStatusIs(grpc::StatusCode::INVALID_ARGUMENT, HasSubstr("config")));
}

TEST_F(InferenceExtensionsTest, AStreamAnswersAndRefusesByItsIds) {
  repository_.Publish("model", 1);
  StartServer();
  grpc::ClientContext context;
  const auto stream = inference_->ModelStreamInfer(&context);
  inference::ModelInferRequest request = MakeInferRequest("model", 2, 3);
  request.set_id("good");
  ASSERT_TRUE(stream->Write(request));
  inference::ModelStreamInferResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.error_message(), "");
  EXPECT_EQ(response.infer_response().id(), "good");
  EXPECT_EQ(response.infer_response().outputs(0).name(), "trajectory");
  EXPECT_THAT(response.infer_response().outputs(0).shape(), ElementsAre(2, 4, 4));
  EXPECT_EQ(response.infer_response().raw_output_contents(0).size(), 2u * 4 * 4 * 4);
  request.add_raw_input_contents("more");
  request.set_id("bad");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.infer_response().id(), "bad");
  EXPECT_THAT(response.error_message(), HasSubstr("raw_input_contents: got 3"));
  stream->WritesDone();
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_TRUE(stream->Finish().ok());
}

}  // namespace
}  // namespace rollout
