// The client library against a scripted server in the same process: what is sent, what is retried,
// what comes back. The real rolloutd answers in tests/end_to_end.
#include "client/client.h"

#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "client/retry.h"
#include "client/rollout_stream.h"
#include "client/tensor.h"
#include "rollout/v1/transition_model.grpc.pb.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Fails the calls for which it has a failure, in order; answers every other rollout with the
// initial state of each lane plus the sum of its controls so far, in every dimension.
class ScriptedServer final : public v1::TransitionModel::Service {
 public:
  struct Failure {
    grpc::StatusCode code;
    std::string message;
    std::string pushback_ms;  // empty = none
  };

  ScriptedServer() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.SetMaxReceiveMessageSize(-1);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }

  void Fail(Failure failure) {
    MutexLock lock(&mutex_);
    failures_.push_back(std::move(failure));
  }
  int calls() {
    MutexLock lock(&mutex_);
    return calls_;
  }
  v1::RolloutRequest last_rollout() {
    MutexLock lock(&mutex_);
    return last_rollout_;
  }
  v1::ReportTransitionsRequest last_report() {
    MutexLock lock(&mutex_);
    return last_report_;
  }

  grpc::Status Rollout(grpc::ServerContext* context, const v1::RolloutRequest* request,
                       v1::RolloutReply* reply) override {
    if (grpc::Status status = Next(context); !status.ok()) return status;
    {
      MutexLock lock(&mutex_);
      last_rollout_ = *request;
    }
    const auto lanes = static_cast<int64_t>(request->controls().shape(0));
    const auto horizon = static_cast<int64_t>(request->controls().shape(1));
    const auto nu = static_cast<int64_t>(request->controls().shape(2));
    const auto size = static_cast<int64_t>(request->initial_states().shape(1));
    const auto states = *FloatView(request->initial_states(), "initial_states");
    const auto controls = *FloatView(request->controls(), "controls");
    std::vector<float> trajectory;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      float sum = 0;
      for (int64_t t = 0; t <= horizon; ++t) {
        const auto initial = states.Row(states.shape[0] == 1 ? 0 : lane);
        for (int64_t d = 0; d < size; ++d) trajectory.push_back(initial[d] + sum);
        for (int64_t u = 0; t < horizon && u < nu; ++u) {
          sum += controls.values[(lane * horizon + t) * nu + u];
        }
      }
    }
    reply->set_model(request->model());
    reply->set_version(7);
    reply->set_id(request->id());
    FillTensor(absl::MakeConstSpan(trajectory), {lanes, horizon + 1, size},
               reply->mutable_trajectory());
    return grpc::Status::OK;
  }

  // Refuses everything, as a full queue does where there is a push-back.
  grpc::Status StreamRollout(
      grpc::ServerContext*,
      grpc::ServerReaderWriter<v1::StreamRolloutReply, v1::RolloutRequest>* stream) override {
    v1::RolloutRequest request;
    while (stream->Read(&request)) {
      v1::StreamRolloutReply reply;
      reply.set_id(request.id());
      reply.mutable_error()->set_code(grpc::StatusCode::RESOURCE_EXHAUSTED);
      reply.mutable_error()->set_message("full");
      if (request.id() == "later") reply.mutable_error()->set_retry_after_ms(40);
      stream->Write(reply);
    }
    return grpc::Status::OK;
  }

  grpc::Status ListModels(grpc::ServerContext* context, const v1::ListModelsRequest*,
                          v1::ListModelsReply* reply) override {
    if (grpc::Status status = Next(context); !status.ok()) return status;
    reply->add_models()->set_name("hopper");
    return grpc::Status::OK;
  }

  grpc::Status ReportTransitions(grpc::ServerContext* context,
                                 const v1::ReportTransitionsRequest* request,
                                 v1::ReportTransitionsReply* reply) override {
    if (grpc::Status status = Next(context); !status.ok()) return status;
    MutexLock lock(&mutex_);
    last_report_ = *request;
    reply->set_accepted_transitions(request->controls().shape(0));
    return grpc::Status::OK;
  }

 private:
  grpc::Status Next(grpc::ServerContext* context) {
    MutexLock lock(&mutex_);
    ++calls_;
    if (failures_.empty()) return grpc::Status::OK;
    const Failure failure = failures_.front();
    failures_.pop_front();
    if (!failure.pushback_ms.empty()) {
      context->AddTrailingMetadata("grpc-retry-pushback-ms", failure.pushback_ms);
    }
    return grpc::Status(failure.code, failure.message);
  }

  Mutex mutex_;
  std::deque<Failure> failures_ ABSL_GUARDED_BY(mutex_);
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
  v1::RolloutRequest last_rollout_ ABSL_GUARDED_BY(mutex_);
  v1::ReportTransitionsRequest last_report_ ABSL_GUARDED_BY(mutex_);
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

// Two lanes of three transitions from one shared state of two numbers, one control each.
class ClientTest : public ::testing::Test {
 protected:
  ClientTest() : client_(std::move(*Client::Connect(server_.address()))) {
    query_.model = "hopper";
    query_.lanes = 2;
    query_.horizon = 3;
    query_.initial_states = state_;
    query_.controls = controls_;
  }

  const std::vector<float> state_ = {1, 2};
  const std::vector<float> controls_ = {1, 1, 1, 2, 2, 2};
  ScriptedServer server_;
  std::unique_ptr<Client> client_;
  RolloutArguments query_;
};

TEST_F(ClientTest, RolloutSendsShapesAndViewsTheReply) {
  query_.version = 4;
  query_.id = "plan-1";
  query_.clip_controls = false;
  query_.outputs.stride = 2;
  const absl::StatusOr<RolloutResult> result = client_->Rollout(query_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->version(), 7u);
  EXPECT_EQ(result->id(), "plan-1");
  EXPECT_THAT(result->trajectory().shape, ElementsAre(2, 4, 2));
  EXPECT_THAT(result->trajectory().Row(1), ElementsAre(1, 2, 3, 4, 5, 6, 7, 8));
  EXPECT_TRUE(result->final_state().empty());
  const v1::RolloutRequest sent = server_.last_rollout();
  EXPECT_EQ(sent.version(), 4u);
  EXPECT_THAT(sent.initial_states().shape(), ElementsAre(1, 2));
  EXPECT_THAT(sent.controls().shape(), ElementsAre(2, 3, 1));
  EXPECT_EQ(sent.outputs().stride(), 2u);
  EXPECT_FALSE(sent.clip_controls());
}

TEST_F(ClientTest, ControlsMayHaveNoDimension) {
  query_.controls = {};
  const absl::StatusOr<RolloutResult> result = client_->Rollout(query_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_THAT(server_.last_rollout().controls().shape(), ElementsAre(2, 3, 0));
}

TEST_F(ClientTest, QueriesThatDoNotDivideAreRefusedWithoutACall) {
  RolloutArguments ragged = query_;
  ragged.controls = absl::MakeConstSpan(controls_).subspan(1);
  EXPECT_THAT(client_->Rollout(ragged).status().message(), HasSubstr("controls has 5 numbers"));
  RolloutArguments empty = query_;
  empty.lanes = 0;
  EXPECT_EQ(client_->Rollout(empty).status().code(), absl::StatusCode::kInvalidArgument);
  RolloutArguments states = query_;
  states.num_initial_states = 3;
  EXPECT_THAT(client_->RolloutFuture(states).get().status().message(),
              HasSubstr("initial_states has 2 numbers, expected a multiple of 3"));
  EXPECT_EQ(server_.calls(), 0);
}

TEST_F(ClientTest, UnavailableIsRetriedAndThenAnswered) {
  server_.Fail({grpc::StatusCode::UNAVAILABLE, "loading", ""});
  server_.Fail({grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", "1"});
  EXPECT_TRUE(client_->Rollout(query_).ok());
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, AsynchronousRolloutsRetryTheSameWay) {
  server_.Fail({grpc::StatusCode::UNAVAILABLE, "loading", ""});
  server_.Fail({grpc::StatusCode::RESOURCE_EXHAUSTED, "queue full", "1"});
  const absl::StatusOr<RolloutResult> result = client_->RolloutFuture(query_).get();
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(server_.calls(), 3);
}

TEST_F(ClientTest, TheServersMessageIsKept) {
  server_.Fail({grpc::StatusCode::NOT_FOUND, "model \"walker\": there are hopper, swimmer", ""});
  const absl::Status status = client_->Rollout(query_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(status.message(), "model \"walker\": there are hopper, swimmer");
  EXPECT_EQ(server_.calls(), 1);
}

TEST_F(ClientTest, AttemptsEnd) {
  for (int i = 0; i < 10; ++i) server_.Fail({grpc::StatusCode::UNAVAILABLE, "draining", "0"});
  const absl::Status status = client_->Rollout(query_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(status.message(), "draining");
  EXPECT_EQ(server_.calls(), RetryOptions().max_attempts);
}

TEST_F(ClientTest, AReportIsSentTwiceOnlyWhenTheServerPushedBack) {
  const std::vector<double> states = {1, 2, 3, 4};
  const std::vector<double> controls = {0.5};
  TransitionReport report;
  report.model = "hopper";
  report.episode = "e";
  report.num_transitions = 1;
  report.states = states;
  report.controls = controls;
  report.period = absl::Milliseconds(8);
  server_.Fail({grpc::StatusCode::UNAVAILABLE, "connection lost", ""});
  EXPECT_EQ(client_->ReportTransitions(report).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(server_.calls(), 1);
  server_.Fail({grpc::StatusCode::RESOURCE_EXHAUSTED, "too fast", "1"});
  const auto reply = client_->ReportTransitions(report);
  ASSERT_TRUE(reply.ok()) << reply.status();
  EXPECT_EQ(reply->accepted_transitions(), 1u);
  EXPECT_EQ(server_.calls(), 3);
  EXPECT_DOUBLE_EQ(server_.last_report().period(), 0.008);
  EXPECT_THAT(server_.last_report().states().shape(), ElementsAre(2, 2));
}

TEST_F(ClientTest, ARefusalOnAStreamTellsWhenToComeBack) {
  std::map<std::string, absl::Status> refused;
  const auto stream = RolloutStream::Open(
      *client_, [&](const std::string& id, const absl::StatusOr<RolloutResult>& result) {
        refused[id] = result.status();
      });
  for (const char* id : {"later", "never"}) {
    query_.id = id;
    EXPECT_TRUE(stream->Send(query_).ok());
  }
  EXPECT_TRUE(stream->Close().ok());
  EXPECT_EQ(refused["later"].code(), absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(RetryAfter(refused["later"]), absl::Milliseconds(40));
  EXPECT_EQ(refused["never"].message(), "full");
  EXPECT_EQ(RetryAfter(refused["never"]), std::nullopt);
}

TEST_F(ClientTest, RepliesAboveGrpcsDefaultLimitPass) {
  const std::vector<float> controls(64 * 1024, 0.0f);
  const std::vector<float> state(64, 0.0f);
  query_.lanes = 64;
  query_.horizon = 1024;
  query_.controls = controls;
  query_.initial_states = state;
  const absl::StatusOr<RolloutResult> result = client_->Rollout(query_);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_GT(result->wire_size(), 4u << 20);
}

TEST_F(ClientTest, ManyRolloutsInFlightAllComeBackAndTheDestructorWaits) {
  std::atomic<int> answered = 0;
  for (int i = 0; i < 200; ++i) {
    client_->RolloutAsync(query_, [&](absl::StatusOr<RolloutResult> result) {
      if (result.ok()) ++answered;
    });
  }
  client_.reset();
  EXPECT_EQ(answered, 200);
}

TEST(ClientConnect, NobodyThereIsSaidWithTheAddress) {
  ClientOptions options;
  options.connect_timeout = absl::Milliseconds(50);
  const auto client = Client::Connect("127.0.0.1:1", options);
  EXPECT_EQ(client.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(client.status().message(), HasSubstr("nobody answers at 127.0.0.1:1"));
}

TEST(RolloutResult, BytesThatDoNotFitTheShapeAreRefused) {
  v1::RolloutReply reply;
  reply.mutable_final_state()->set_dtype(v1::Tensor::FP32);
  reply.mutable_final_state()->add_shape((uint64_t{1} << 62) + 1);
  reply.mutable_final_state()->add_shape(4);
  reply.mutable_final_state()->set_data(std::string(16, '\0'));
  const auto result = RolloutResult::FromReply(std::move(reply));
  EXPECT_EQ(result.status().code(), absl::StatusCode::kInternal);
  EXPECT_THAT(result.status().message(), HasSubstr("final_state"));
}

}  // namespace
}  // namespace rollout
