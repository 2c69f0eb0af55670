// What a server writes down of requests and reports.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "datasets/dataset_reader.h"
#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr char kTrace[] = "4bf92f3577b34da6a3ce929d0e0e4736";

class RecordedRequestsTest : public ServerTest {
 protected:
  // Ends the server, which writes everything out.
  std::vector<nlohmann::json> AccessLines() {
    server_.reset();
    std::vector<nlohmann::json> lines;
    std::istringstream text(ReadFile(options_.access_log.file));
    for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }
  // Over a socket, as a peer with an address.
  void Connect() {
    transition_model_ = v1::TransitionModel::NewStub(
        grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials()));
  }
};

TEST_F(RecordedRequestsTest, AnAccessLineTellsOfARolloutAndItsTrace) {
  options_.access_log.file = (folder_ / "access.json").string();
  repository_.Publish("model", 1);
  StartServer();
  Connect();
  v1::RolloutRequest request = MakeRolloutRequest("model", 3, 7);
  request.set_id("plan-1");
  grpc::ClientContext context;
  context.AddMetadata("traceparent", std::string("00-") + kTrace + "-00f067aa0ba902b7-01");
  v1::RolloutReply reply;
  ASSERT_TRUE(transition_model_->Rollout(&context, request, &reply).ok());
  const std::vector<nlohmann::json> lines = AccessLines();
  ASSERT_EQ(lines.size(), 1u);
  const nlohmann::json& line = lines[0];
  EXPECT_EQ(line["method"], "TransitionModel/Rollout");
  EXPECT_EQ(line["code"], "OK");
  EXPECT_EQ(line["model"], "model");
  EXPECT_EQ(line["version"], 1);
  EXPECT_EQ(line["id"], "plan-1");
  EXPECT_EQ(line["lanes"], 3);
  EXPECT_EQ(line["horizon"], 7);
  EXPECT_EQ(line["trace_id"], kTrace);
  EXPECT_THAT(line["peer"].get<std::string>(), HasSubstr("127.0.0.1:"));
  const double parts = line["decode_seconds"].get<double>() + line["queue_seconds"].get<double>() +
                       line["compute_seconds"].get<double>() + line["reply_seconds"].get<double>();
  EXPECT_GT(parts, 0.0);
  EXPECT_LE(parts, line["seconds"].get<double>() * 1.0001);
}

TEST_F(RecordedRequestsTest, EveryMethodAndEveryRefusalHasALine) {
  options_.access_log.file = (folder_ / "access.json").string();
  repository_.Publish("model", 1);
  StartServer();
  Connect();
  const auto call = [](auto&& method) {
    grpc::ClientContext context;
    context.AddMetadata("traceparent", "no trace");
    return method(&context);
  };
  v1::RolloutReply rollout;
  v1::RolloutRequest unknown = MakeRolloutRequest("model", 1, 2);
  unknown.set_model("walker");
  unknown.set_id("u");
  call([&](auto* context) { return transition_model_->Rollout(context, unknown, &rollout); });
  v1::RolloutRequest bad = MakeRolloutRequest("model", 1, 2);
  bad.mutable_controls()->mutable_data()->pop_back();
  bad.set_id("b");
  call([&](auto* context) { return transition_model_->Rollout(context, bad, &rollout); });
  v1::GradientRequest gradient;
  gradient.set_model("model");
  gradient.set_id("g");
  *gradient.mutable_initial_states() = bad.initial_states();
  *gradient.mutable_controls() = MakeRolloutRequest("model", 1, 2).controls();
  *gradient.mutable_final_state_cotangents() = MakeTensor({1, 4}, {1, 0, 0, 0});
  v1::GradientReply gradients;
  call([&](auto* context) { return transition_model_->Gradient(context, gradient, &gradients); });
  gradient.set_id("r");
  gradient.set_of_return(true);  // beside cotangents
  call([&](auto* context) { return transition_model_->Gradient(context, gradient, &gradients); });
  v1::GetModelRequest get;
  get.set_model("model");
  v1::Model model;
  call([&](auto* context) { return transition_model_->GetModel(context, get, &model); });
  {
    grpc::ClientContext context;
    const auto stream = transition_model_->StreamRollout(&context);
    v1::RolloutRequest request = MakeRolloutRequest("model", 2, 3);
    request.set_id("s");
    v1::StreamRolloutReply reply;
    ASSERT_TRUE(stream->Write(request));
    ASSERT_TRUE(stream->Read(&reply));
    ASSERT_TRUE(stream->Write(bad));
    ASSERT_TRUE(stream->Read(&reply));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
  }
  std::vector<std::string> told, named;
  for (const nlohmann::json& line : AccessLines()) {
    told.push_back(line["method"].get<std::string>() + " " + line["code"].get<std::string>());
    named.push_back(line.value("model", "") + " " + line.value("id", ""));
    EXPECT_FALSE(line.contains("trace_id")) << "it was none";
  }
  EXPECT_THAT(
      told,
      ElementsAre("TransitionModel/Rollout NOT_FOUND", "TransitionModel/Rollout INVALID_ARGUMENT",
                  "TransitionModel/Gradient OK", "TransitionModel/Gradient INVALID_ARGUMENT",
                  "TransitionModel/GetModel OK", "TransitionModel/StreamRollout OK",
                  "TransitionModel/StreamRollout INVALID_ARGUMENT"));
  EXPECT_THAT(named, ElementsAre("walker u", "model b", "model g", "model r", "model ", "model s",
                                 "model b"));
}

TEST_F(RecordedRequestsTest, AnAccessLogThatCannotBeWrittenIsAnErrorAtTheStart) {
  WriteFile(folder_ / "file", "");
  options_.access_log.file = (folder_ / "file" / "access.json").string();
  EXPECT_THAT(RolloutServer::Start(options_),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("--access-log=")));
}

TEST_F(RecordedRequestsTest, ReportsAreAppendedToADataset) {
  std::filesystem::create_directory(folder_ / "reports");
  options_.recorded_reports.datasets.folder = (folder_ / "reports").string();
  repository_.Publish("model", 1);
  StartServer();
  v1::ReportTransitionsRequest report;
  report.set_model("model");
  report.set_client("robot");
  report.set_episode("1");
  *report.mutable_states() = MakeTensor({3, 4}, {0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2});
  *report.mutable_controls() = MakeTensor({2, 2}, {0.5, -0.5, 1, -1});
  report.set_terminated(true);
  v1::ReportTransitionsReply reply;
  {
    grpc::ClientContext context;
    ASSERT_TRUE(transition_model_->ReportTransitions(&context, report, &reply).ok());
  }
  report.mutable_states()->mutable_data()->pop_back();
  {
    grpc::ClientContext context;
    EXPECT_FALSE(transition_model_->ReportTransitions(&context, report, &reply).ok());
  }
  server_.reset();
  ASSERT_OK_AND_ASSIGN(const auto reader,
                       DatasetReader::Open((folder_ / "reports/model/reports-v0").string()));
  EXPECT_EQ(reader->info().dt, TestRepository::Spec("model").transition_dt);
  ASSERT_OK_AND_ASSIGN(const std::vector<Episode> episodes, reader->ReadAll());
  ASSERT_EQ(episodes.size(), 1u) << "what was refused is not recorded";
  EXPECT_THAT(episodes[0].states, ElementsAre(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2));
  EXPECT_THAT(episodes[0].actions, ElementsAre(0.5, -0.5, 1, -1));
  EXPECT_THAT(episodes[0].terminations, ElementsAre(0, 1));
}

}  // namespace
}  // namespace rollout
