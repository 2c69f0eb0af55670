#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/services/health_service.h"
#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using grpc::health::v1::HealthCheckResponse;
using testing::AllOf;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

class ServerLifecycleTest : public ServerTest {
 protected:
  // A request that would take minutes: its caller gives up, or its server does.
  static v1::RolloutRequest EndlessRequest(const std::string& model, int lanes) {
    v1::RolloutRequest request = MakeRolloutRequest(model, lanes, 16384);
    request.mutable_outputs()->set_final_state(true);
    return request;
  }

  // A call on a thread of its own.
  struct Call {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    std::future<grpc::Status> status;
  };
  std::unique_ptr<Call> Start(const v1::RolloutRequest& request) {
    auto call = std::make_unique<Call>();
    call->status = std::async(std::launch::async, [this, call = call.get(), request] {
      return transition_model_->Rollout(&call->context, request, &call->reply);
    });
    return call;
  }

  grpc::Status RolloutOnceOver(const std::string& model) {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    return transition_model_->Rollout(&context, MakeRolloutRequest(model, 1, 2), &reply);
  }

  grpc::Status Check(const std::string& service, HealthCheckResponse* response) {
    grpc::ClientContext context;
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, response);
  }
};

TEST_F(ServerLifecycleTest, HealthKnowsTheServerItsModelsAndNothingElse) {
  repository_.Publish("good", 1);
  repository_.Publish("bad", 1);
  repository_.Damage("bad", 1);
  StartServer();
  HealthCheckResponse response;
  for (const char* service : {"", "_live", "good"}) {
    ASSERT_TRUE(Check(service, &response).ok()) << service;
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING) << service;
  }
  ASSERT_TRUE(Check("bad", &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_THAT(Check("walker", &response),
              GrpcStatusIs(grpc::StatusCode::NOT_FOUND,
                           HasSubstr("service \"walker\" is unknown; services: \"\", \"_live\", "
                                     "\"bad\", \"good\"")));
}

TEST_F(ServerLifecycleTest, AWatchTellsOfAModelThatAppears) {
  StartServer();
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service("late");
  const auto watch = grpc::health::v1::Health::NewStub(channel_)->Watch(&context, request);
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  repository_.Publish("late", 1);
  while (response.status() != HealthCheckResponse::SERVING) ASSERT_TRUE(watch->Read(&response));
  context.TryCancel();
  watch->Finish();
}

TEST_F(ServerLifecycleTest, DrainingSaysNotServingEndsWatchesAndFinishesWhatIsInFlight) {
  repository_.Publish("model", 1);
  StartServer();
  // Over a socket, as load balancers and callers come.
  const auto channel =
      grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials());
  const auto watch_stub = grpc::health::v1::Health::NewStub(channel);
  std::vector<HealthCheckResponse::ServingStatus> seen;
  grpc::Status watch_status;
  std::promise<void> watching;
  std::thread watcher([&] {
    grpc::ClientContext context;
    const auto watch = watch_stub->Watch(&context, grpc::health::v1::HealthCheckRequest());
    HealthCheckResponse response;
    while (watch->Read(&response)) {
      seen.push_back(response.status());
      if (seen.size() == 1) watching.set_value();
    }
    watch_status = watch->Finish();
  });
  watching.get_future().wait();

  const auto stub = v1::TransitionModel::NewStub(channel);
  std::atomic<int> answered{0};
  Mutex mutex;
  std::vector<grpc::Status> refusals;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (true) {
        grpc::ClientContext context;
        v1::RolloutReply reply;
        const grpc::Status status =
            stub->Rollout(&context, MakeRolloutRequest("model", 1, 2), &reply);
        if (status.ok()) {
          ++answered;
          continue;
        }
        MutexLock lock(&mutex);
        refusals.push_back(status);
        return;
      }
    });
  }
  while (answered < 8) std::this_thread::yield();
  EXPECT_TRUE(server_->Drain());
  for (std::thread& caller : callers) caller.join();
  HealthCheckResponse live;
  ASSERT_TRUE(Check(kLiveService, &live).ok());
  EXPECT_EQ(live.status(), HealthCheckResponse::SERVING) << "until the process exits";
  server_.reset();
  watcher.join();
  EXPECT_THAT(refusals, SizeIs(4));
  EXPECT_THAT(refusals, Each(GrpcStatusIs(grpc::StatusCode::UNAVAILABLE, testing::_)));
  EXPECT_THAT(seen, ElementsAre(HealthCheckResponse::SERVING, HealthCheckResponse::NOT_SERVING));
  EXPECT_THAT(watch_status, GrpcStatusIs(grpc::StatusCode::UNAVAILABLE, HasSubstr("draining")));
}

TEST_F(ServerLifecycleTest, ADrainIsBoundedAndCancelsWhatTakesLonger) {
  PublishSlowModel("slow");
  options_.drain_timeout = absl::ZeroDuration();
  StartServer();
  // Over a socket: gRPC 1.51 crashes when a call begins on the in-process channel of a server that
  // no longer exists.
  transition_model_ = v1::TransitionModel::NewStub(
      grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials()));
  const auto call = Start(EndlessRequest("slow", 16));
  // Whether it has arrived or not, it must end.
  server_->Drain();
  server_.reset();
  const grpc::Status status = call->status.get();
  EXPECT_THAT(status.error_code(),
              testing::AnyOf(grpc::StatusCode::CANCELLED, grpc::StatusCode::UNAVAILABLE))
      << status.error_message();
}

TEST_F(ServerLifecycleTest, AnExpiredRequestEndsAndDoesNotDelayTheLiving) {
  PublishSlowModel("slow");
  StartServer();
  std::vector<std::unique_ptr<Call>> abandoned;
  for (int i = 0; i < 8; ++i) {
    auto call = std::make_unique<Call>();
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
    call->status = std::async(std::launch::async, [this, call = call.get()] {
      return transition_model_->Rollout(&call->context, EndlessRequest("slow", 16), &call->reply);
    });
    abandoned.push_back(std::move(call));
  }
  for (const auto& call : abandoned) {
    EXPECT_EQ(call->status.get().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  }
  // Together they would have computed for minutes; were one of them not dropped, this would time
  // out.
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::RolloutReply reply;
  const grpc::Status status =
      transition_model_->Rollout(&context, MakeRolloutRequest("slow", 1, 1), &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ServerLifecycleTest, AFullQueueRefusesWithPushbackAndCancelledCallsMakeRoom) {
  PublishSlowModel("slow");
  options_.batch.queue_lanes = 16;
  options_.batch.batch_lanes = 16;
  options_.request.max_lanes = 16;
  StartServer();
  // One computes, one waits, one is refused, in whatever order they arrive.
  std::vector<std::unique_ptr<Call>> calls;
  for (int i = 0; i < 3; ++i) calls.push_back(Start(EndlessRequest("slow", 16)));
  bool found = false;
  while (!found) {
    for (const auto& call : calls) {
      if (call->status.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) {
        continue;
      }
      found = true;
      EXPECT_THAT(call->status.get(),
                  GrpcStatusIs(grpc::StatusCode::RESOURCE_EXHAUSTED,
                               AllOf(HasSubstr("queue of slow version 1 is full: "),
                                     HasSubstr("--queue-lanes=16"))));
      const auto& trailers = call->context.GetServerTrailingMetadata();
      const auto pushback = trailers.find("grpc-retry-pushback-ms");
      ASSERT_NE(pushback, trailers.end());
      EXPECT_GT(std::stoi(std::string(pushback->second.data(), pushback->second.size())), 0);
      break;
    }
  }
  for (const auto& call : calls) {
    if (!call->status.valid()) continue;
    call->context.TryCancel();
    EXPECT_THAT(call->status.get().error_code(),
                testing::AnyOf(grpc::StatusCode::CANCELLED, grpc::StatusCode::RESOURCE_EXHAUSTED));
  }
  // The server hears of a cancellation a moment after its caller.
  grpc::Status status = RolloutOnceOver("slow");
  while (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    status = RolloutOnceOver("slow");
  }
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(ServerLifecycleTest, AMessageAboveTheReceiveLimitIsRefusedAndABigOneBelowIsNot) {
  repository_.Publish("model", 1);
  options_.max_message_bytes = 8 << 20;
  StartServer();
  const auto stub = v1::TransitionModel::NewStub(
      grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials()));
  // 6 MB: above gRPC's own default of 4 MiB.
  v1::RolloutRequest request = MakeRolloutRequest("model", 800, 1000);
  request.mutable_outputs()->set_final_state(true);
  v1::RolloutReply reply;
  grpc::ClientContext context;
  grpc::Status status = stub->Rollout(&context, request, &reply);
  EXPECT_TRUE(status.ok()) << status.error_message();
  grpc::ClientContext large_context;
  request.mutable_controls()->mutable_data()->resize(9 << 20);
  status = stub->Rollout(&large_context, request, &reply);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerLifecycleTest, AnOccupiedPortIsNamedWithItsRemedy) {
  StartServer();
  ServerOptions second = options_;
  second.listen = server_->listen_address();
  EXPECT_THAT(
      RolloutServer::Start(second).status(),
      StatusIs(absl::StatusCode::kUnavailable,
               AllOf(HasSubstr(absl::StrCat("--listen=", second.listen,
                                            ": cannot listen there: Address already in use")),
                     HasSubstr("ss -ltnp"))));
  second = options_;
  second.metrics_listen = server_->listen_address();
  EXPECT_THAT(RolloutServer::Start(second).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("--metrics-listen=")));
  second = options_;
  second.listen = "127.0.0.1:notaport";
  EXPECT_THAT(RolloutServer::Start(second).status(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("--listen=127.0.0.1:notaport")));
}

TEST_F(ServerLifecycleTest, AnUnreadableRepositoryIsNamedWithItsRemedy) {
  options_.model_repository = folder_ / "nowhere";
  EXPECT_THAT(RolloutServer::Start(options_).status(),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(StartsWith("--model-repository="), HasSubstr("cannot be read"),
                             HasSubstr("give a readable folder"))));
}

TEST_F(ServerLifecycleTest, ThePortFileHoldsTheAddressThatWasChosen) {
  options_.port_file = folder_ / "port";
  StartServer();
  EXPECT_THAT(server_->listen_address(), StartsWith("127.0.0.1:"));
  EXPECT_NE(server_->listen_address(), "127.0.0.1:0");
  EXPECT_EQ(ReadFile(folder_ / "port"), server_->listen_address() + "\n");
}

}  // namespace
}  // namespace rollout
