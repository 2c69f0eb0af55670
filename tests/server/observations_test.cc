// What clients report of the world, and what a scraper sees of the server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <ostream>
#include <string>
#include <vector>

#include "tests/server/test_server.h"

namespace rollout {
namespace {

using testing::HasSubstr;

class ObservationsTest : public ServerTest {
 protected:
  grpc::Status RolloutOnceOver(const std::string& model) {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    return transition_model_->Rollout(&context, MakeRolloutRequest(model, 1, 2), &reply);
  }
};

TEST_F(ObservationsTest, AScrapeShowsRequestsPhasesModelsAndPredictionError) {
  repository_.Publish("model", 1);
  options_.metrics_listen = "127.0.0.1:0";
  StartServer();
  ASSERT_TRUE(RolloutOnceOver("model").ok());
  EXPECT_FALSE(RolloutOnceOver("walker").ok());

  // Observations that are the model's own predictions: its error at horizon 1 is rounding.
  v1::RolloutReply reply;
  const v1::RolloutRequest rollout = MakeRolloutRequest("model", 1, 8);
  grpc::ClientContext rollout_context;
  ASSERT_TRUE(transition_model_->Rollout(&rollout_context, rollout, &reply).ok());
  v1::ReportTransitionsRequest report;
  report.set_model("model");
  report.set_client("test");
  report.set_episode("1");
  *report.mutable_states() = MakeTensor({9, 4}, Floats(reply.trajectory()));
  *report.mutable_controls() = MakeTensor({8, 2}, Floats(rollout.controls()));
  grpc::ClientContext report_context;
  v1::ReportTransitionsReply reported;
  ASSERT_TRUE(transition_model_->ReportTransitions(&report_context, report, &reported).ok());
  EXPECT_EQ(reported.accepted_transitions(), 8u);
  EXPECT_FALSE(reported.joined());

  v1::Model model;
  v1::GetModelRequest get;
  get.set_model("model");
  while (model.versions_size() == 0 || model.versions(0).errors_size() == 0 ||
         model.versions(0).errors(0).windows() < 8) {
    grpc::ClientContext context;
    ASSERT_TRUE(transition_model_->GetModel(&context, get, &model).ok());
  }
  EXPECT_EQ(model.versions(0).errors(0).horizon(), 1u);
  EXPECT_LT(model.versions(0).errors(0).normalised_rmse(), 1e-3);

  const std::string scrape = Scrape(server_->metrics_address());
  for (const char* series : {
           "rollout_request_duration_seconds_count{code=\"OK\",method=\"TransitionModel/Rollout\"}",
           "rollout_request_duration_seconds_count{code=\"NOT_FOUND\",method=\"TransitionModel/"
           "Rollout\"} 1",
           "rollout_request_duration_seconds_bucket{code=\"OK\",method=\"TransitionModel/"
           "Rollout\",le=\"5e-05\"}",
           "rollout_rejected_total{reason=\"not_found\"} 1",
           "rollout_phase_duration_seconds_count{model=\"model\",version=\"1\",phase=\"decode\"} 2",
           "rollout_phase_duration_seconds_bucket{model=\"model\",version=\"1\",phase=\"decode\","
           "le=\"3.125e-06\"}",
           "rollout_phase_duration_seconds_count{model=\"model\",version=\"1\",phase=\"queue\"} 2",
           "rollout_phase_duration_seconds_count{model=\"model\",version=\"1\",phase=\"compute\"} "
           "2",
           "rollout_phase_duration_seconds_count{model=\"model\",version=\"1\",phase=\"reply\"} 2",
           "rollout_batch_lanes_count{model=\"model\",version=\"1\"} 2",
           "rollout_queue_lanes{model=\"model\",version=\"1\"} 0",
           "rollout_queue_capacity_lanes{model=\"model\",version=\"1\"} 65536",
           "rollout_transitions_total{model=\"model\",version=\"1\"}",
           "rollout_model_info{model=\"model\",version=\"1\",kind=\"NODE_SO\",engine=\"fused\"",
           "rollout_model_state{model=\"model\",version=\"1\",state=\"READY\"} 1",
           "rollout_model_published_timestamp_seconds{model=\"model\",version=\"1\"}",
           "rollout_model_loads_total{model=\"model\",result=\"ready\"} 1",
           "rollout_gate_verdicts_total{gate=\"golden\",model=\"model\",result=\"skipped\"} 1",
           "rollout_reported_transitions_total{model=\"model\"} 8",
           "rollout_prediction_error{model=\"model\",version=\"1\",horizon=\"1\"}",
           "rollout_prediction_skill{model=\"model\",version=\"1\",horizon=\"1\"}",
           "rollout_prediction_windows_total{model=\"model\",version=\"1\",horizon=\"1\",finite="
           "\"true\"} 8",
           "rollout_prediction_squared_error_total{model=\"model\",version=\"1\",horizon=\"8\"}",
       }) {
    EXPECT_THAT(scrape, HasSubstr(series));
  }
  const std::string page = ReadFile("docs/operations.md");
  const std::string type = "# TYPE ";
  for (size_t at = scrape.find(type); at != std::string::npos; at = scrape.find(type, at + 1)) {
    const size_t name = at + type.size();
    const std::string metric = scrape.substr(name, scrape.find(' ', name) - name);
    if (metric.rfind("rollout_", 0) != 0) continue;  // the exposer's own
    EXPECT_THAT(page, HasSubstr("`" + metric + "`"));
  }
}

struct BadReport {
  std::string name;
  void (*change)(v1::ReportTransitionsRequest*);
  grpc::StatusCode code;
  std::string message;
  friend void PrintTo(const BadReport& report, std::ostream* out) { *out << report.name; }
};

class BadReportTest : public ServerTest, public testing::WithParamInterface<BadReport> {};

TEST_P(BadReportTest, IsRefused) {
  repository_.Publish("model", 1);
  StartServer();
  v1::ReportTransitionsRequest request;
  request.set_model("model");
  *request.mutable_states() = MakeTensor({3, 4}, std::vector<float>(12));
  *request.mutable_controls() = MakeTensor({2, 2}, std::vector<float>(4));
  GetParam().change(&request);
  grpc::ClientContext context;
  v1::ReportTransitionsReply reply;
  EXPECT_THAT(transition_model_->ReportTransitions(&context, request, &reply),
              GrpcStatusIs(GetParam().code, HasSubstr(GetParam().message)));
}

using Report = v1::ReportTransitionsRequest;
void AddTimestamps(const std::vector<double>& seconds, Report* report) {
  report->mutable_timestamps()->Add(seconds.begin(), seconds.end());
}

class TimedReportTest : public ServerTest {};

TEST_F(TimedReportTest, TimestampsStandForAPeriodWithinOnePercent) {
  repository_.Publish("model", 1);
  StartServer();
  ASSERT_EQ(TestRepository::Spec("model").transition_dt, 0.008);
  Report request;
  request.set_model("model");
  *request.mutable_states() = MakeTensor({4, 4}, std::vector<float>(16));
  *request.mutable_controls() = MakeTensor({3, 2}, std::vector<float>(6));
  AddTimestamps({1.7e9, 1.7e9 + 0.008, 1.7e9 + 0.01607, 1.7e9 + 0.024}, &request);
  grpc::ClientContext context;
  v1::ReportTransitionsReply reply;
  const grpc::Status status = transition_model_->ReportTransitions(&context, request, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(reply.accepted_transitions(), 3u);
}
constexpr auto kInvalid = grpc::StatusCode::INVALID_ARGUMENT;

INSTANTIATE_TEST_SUITE_P(
    Table, BadReportTest,
    testing::Values(
        BadReport{"UnknownModel", [](Report* r) { r->set_model("x"); }, grpc::StatusCode::NOT_FOUND,
                  "models: model"},
        BadReport{"NoStates", [](Report* r) { r->clear_states(); }, kInvalid,
                  "states: got dtype DATA_TYPE_UNSPECIFIED, expected FP32 or FP64"},
        BadReport{"StatesWidth", [](Report* r) { r->mutable_states()->set_shape(1, 5); }, kInvalid,
                  "states: got shape [3, 5], expected [k + 1, 4] with k >= 1"},
        BadReport{"OneStateTooFew",
                  [](Report* r) {
                    *r->mutable_states() = MakeTensor({2, 4}, std::vector<float>(8));
                  },
                  kInvalid, "states, controls: got 2 states and 2 controls"},
        BadReport{"Bytes", [](Report* r) { r->mutable_controls()->mutable_data()->pop_back(); },
                  kInvalid, "controls: got 15 bytes, expected 16 for shape [2, 2] of FP32"},
        BadReport{"Huge",
                  [](Report* r) { r->mutable_states()->set_shape(0, (uint64_t{1} << 60) + 3); },
                  kInvalid, "states: got 1152921504606846979 rows, expected at most"},
        BadReport{"Period", [](Report* r) { r->set_period(0.5); }, kInvalid, "period"},
        BadReport{"TimestampsBesideAPeriod",
                  [](Report* r) {
                    r->set_period(0.008);
                    AddTimestamps({0, 0.008, 0.016}, r);
                  },
                  kInvalid, "timestamps: got them beside a period of 0.008 s"},
        BadReport{"OneTimestampTooFew",
                  [](Report* r) {
                    AddTimestamps({0, 0.008}, r);
                  },
                  kInvalid, "timestamps: got 2 of them, expected 3, one for each state"},
        BadReport{"AGapInTimestamps",
                  [](Report* r) {
                    AddTimestamps({1, 1.008, 1.024}, r);
                  },
                  kInvalid,
                  "timestamps[2]: got 0.016 s after the one before, expected the model's "
                  "transition_dt, 0.008 s, within 1%"},
        BadReport{"NoTime",
                  [](Report* r) {
                    AddTimestamps({0, std::nan(""), 0.016}, r);
                  },
                  kInvalid, "timestamps[1]: got nan s after the one before"}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace rollout
