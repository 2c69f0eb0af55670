#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>

#include "rollout/v1/admin.grpc.pb.h"
#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class AdminServiceTest : public ServerTest {
 protected:
  // On versions 1, 2, 3 and `damaged`, which nobody has seen whole.
  void Start(const std::vector<uint64_t>& damaged = {}) {
    for (uint64_t seed = 1; seed <= 3; ++seed) repository_.Publish("model", seed);
    for (const uint64_t version : damaged) {
      repository_.Publish("model", version);
      repository_.Damage("model", version);
    }
    StartServer();
    admin_ = v1::Admin::NewStub(channel_);
  }

  template <typename Request, typename Method>
  grpc::Status Call(Method method, const Request& request) {
    grpc::ClientContext context;
    reply_ = v1::AdminReply();
    return (admin_.get()->*method)(&context, request, &reply_);
  }
  grpc::Status Load(const std::string& model, uint64_t version) {
    v1::LoadRequest request;
    request.set_model(model);
    request.set_version(version);
    return Call(&v1::Admin::Stub::Load, request);
  }
  grpc::Status Unload(uint64_t version) {
    v1::UnloadRequest request;
    request.set_model("model");
    request.set_version(version);
    return Call(&v1::Admin::Stub::Unload, request);
  }
  grpc::Status Pin(uint64_t version) {
    v1::PinRequest request;
    request.set_model("model");
    request.set_version(version);
    return Call(&v1::Admin::Stub::Pin, request);
  }
  grpc::Status SetLabel(const std::string& label, uint64_t version) {
    v1::SetLabelRequest request;
    request.set_model("model");
    request.set_label(label);
    request.set_version(version);
    return Call(&v1::Admin::Stub::SetLabel, request);
  }
  // The version that answers; 0 where none does.
  uint64_t Answers(const std::string& label = "") {
    v1::RolloutRequest request = MakeRolloutRequest("model", 1, 2);
    request.set_label(label);
    grpc::ClientContext context;
    v1::RolloutReply reply;
    return transition_model_->Rollout(&context, request, &reply).ok() ? reply.version() : 0;
  }

  std::unique_ptr<v1::Admin::Stub> admin_;
  v1::AdminReply reply_;
};

TEST_F(AdminServiceTest, LoadWaitsForTheVerdictAndSaysHowLongItLasts) {
  Start();
  ASSERT_TRUE(Load("model", 1).ok());
  EXPECT_THAT(reply_.note(), HasSubstr("until this server restarts"));
  EXPECT_EQ(reply_.model().versions(2).version(), 1u);
  EXPECT_EQ(reply_.model().versions(2).state(), v1::ModelVersion::READY);
  EXPECT_EQ(Answers(), 3u) << "loading an old version makes it no newer";
}

TEST_F(AdminServiceTest, LoadFindsWhatWasPublishedAMomentAgo) {
  options_.poll_interval = absl::Hours(1);
  Start();
  repository_.Publish("model", 4);
  ASSERT_TRUE(Load("model", 4).ok());
  EXPECT_EQ(Answers(), 4u);
  ASSERT_TRUE(Unload(0).ok());
  repository_.Publish("model", 5);
  ASSERT_TRUE(Load("model", 0).ok());
  EXPECT_EQ(Answers(), 5u);
  repository_.Publish("ant", 1);
  EXPECT_TRUE(Load("ant", 0).ok());
}

TEST_F(AdminServiceTest, LoadRefusesWhatIsBadOrNotThere) {
  options_.poll_interval = absl::Hours(1);
  Start({4});
  EXPECT_THAT(Load("model", 4),
              GrpcStatusIs(grpc::StatusCode::FAILED_PRECONDITION,
                           AllOf(HasSubstr("quarantined"), HasSubstr("weights"))));
  EXPECT_THAT(Load("model", 9),
              GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("versions: 1, 2, 3, 4")));
  EXPECT_THAT(Load("walker", 0),
              GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("models: model")));
  EXPECT_EQ(Answers(), 3u);
}

TEST_F(AdminServiceTest, LoadOfNoVersionTakesTheNewestGoodOne) {
  repository_.Publish("broken", 1);
  repository_.Damage("broken", 1);
  Start({4});
  ASSERT_TRUE(Unload(0).ok());
  ASSERT_TRUE(Load("model", 0).ok());
  EXPECT_EQ(reply_.model().serving_version(), 3u);
  ASSERT_EQ(reply_.model().versions(0).version(), 4u);
  EXPECT_EQ(reply_.model().versions(0).state(), v1::ModelVersion::QUARANTINED);
  EXPECT_EQ(Answers(), 3u);
  EXPECT_THAT(Load("broken", 0), GrpcStatusIs(grpc::StatusCode::FAILED_PRECONDITION,
                                              HasSubstr("broken version 1 is quarantined")));
}

TEST_F(AdminServiceTest, PinsLabelsAndUnloads) {
  Start();
  ASSERT_TRUE(Pin(2).ok());
  EXPECT_EQ(reply_.model().pinned_version(), 2u);
  EXPECT_EQ(Answers(), 2u);
  ASSERT_TRUE(Pin(0).ok());
  EXPECT_EQ(Answers(), 3u);
  ASSERT_TRUE(SetLabel("stable", 2).ok());
  EXPECT_EQ(reply_.model().labels().at("stable"), 2u);
  EXPECT_EQ(Answers("stable"), 2u);
  EXPECT_EQ(Answers("canary"), 0u);
  EXPECT_THAT(SetLabel("stable", 1),
              GrpcStatusIs(grpc::StatusCode::FAILED_PRECONDITION, HasSubstr("load it first")));
  ASSERT_TRUE(Unload(3).ok());
  EXPECT_EQ(Answers(), 2u);
  ASSERT_TRUE(Unload(0).ok());
  EXPECT_EQ(Answers(), 0u);
  ASSERT_TRUE(Load("model", 0).ok());
  EXPECT_EQ(Answers(), 3u);
}

TEST_F(AdminServiceTest, DrainAsksWhoeverStartedTheServer) {
  repository_.Publish("model", 1);
  std::atomic<int> asked = 0;
  ASSERT_OK_AND_ASSIGN(server_, RolloutServer::Start(options_, [&asked] { ++asked; }));
  channel_ = server_->InProcessChannel();
  const auto admin = v1::Admin::NewStub(channel_);
  grpc::ClientContext context;
  v1::DrainReply reply;
  ASSERT_TRUE(admin->Drain(&context, v1::DrainRequest(), &reply).ok());
  EXPECT_THAT(reply.note(), HasSubstr("draining"));
  EXPECT_EQ(asked.load(), 1);
}

}  // namespace
}  // namespace rollout
