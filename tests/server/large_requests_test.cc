#include "server/services/large_requests.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::Not;

TEST(LargeRequestsTest, OnlyLargeOnesAreReadElsewhereInTheOrderInWhichTheyCame) {
  std::vector<int> read;
  std::thread::id large_on, small_on;
  {
    LargeRequests requests;
    for (int i = 0; i < 3; ++i) {
      requests.Read(kLargeRequest, [&read, &large_on, i] {
        large_on = std::this_thread::get_id();
        read.push_back(i);
      });
    }
    requests.Read(kLargeRequest - 1, [&small_on] { small_on = std::this_thread::get_id(); });
  }
  EXPECT_THAT(read, ElementsAre(0, 1, 2));
  EXPECT_EQ(small_on, std::this_thread::get_id());
  EXPECT_THAT(large_on, Not(small_on));
}

class LargeRequestServiceTest : public ServerTest {
 protected:
  LargeRequestServiceTest() {
    repository_.Publish("model", 1);
    StartServer();
    EXPECT_GT(large_.ByteSizeLong(), kLargeRequest);
  }

  // The first lane of `large_` by itself.
  v1::RolloutRequest FirstLane() const {
    v1::RolloutRequest request = large_;
    for (v1::Tensor* tensor : {request.mutable_initial_states(), request.mutable_controls()}) {
      tensor->mutable_data()->resize(tensor->data().size() / kLanes);
      tensor->set_shape(0, 1);
    }
    return request;
  }
  // The trajectory of that lane.
  static std::vector<float> FirstTrajectory(const v1::RolloutReply& reply, int lanes) {
    std::vector<float> all = Floats(reply.trajectory());
    all.resize(all.size() / lanes);
    return all;
  }

  static constexpr int kLanes = 64;
  const v1::RolloutRequest large_ = MakeRolloutRequest("model", kLanes, 600);
};

TEST_F(LargeRequestServiceTest, IsAnsweredAsASmallOne) {
  v1::RolloutReply alone, together;
  grpc::ClientContext small_context, large_context;
  ASSERT_TRUE(transition_model_->Rollout(&small_context, FirstLane(), &alone).ok());
  ASSERT_TRUE(transition_model_->Rollout(&large_context, large_, &together).ok());
  EXPECT_EQ(FirstTrajectory(together, kLanes), FirstTrajectory(alone, 1));

  grpc::ClientContext context;
  const auto stream = transition_model_->StreamRollout(&context);
  v1::StreamRolloutReply reply;
  ASSERT_TRUE(stream->Write(large_));
  stream->WritesDone();
  ASSERT_TRUE(stream->Read(&reply));
  EXPECT_EQ(FirstTrajectory(reply.reply(), kLanes), FirstTrajectory(alone, 1));
  EXPECT_FALSE(stream->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(LargeRequestServiceTest, MayBeCancelledAtAnyMoment) {
  // Over a socket: on the in-process channel a cancelled call may not arrive at all.
  const auto stub = v1::TransitionModel::NewStub(
      grpc::CreateChannel(server_->listen_address(), grpc::InsecureChannelCredentials()));
  for (int yields = 0; yields < 60; ++yields) {
    grpc::ClientContext unary_context, stream_context;
    v1::RolloutReply reply;
    std::thread caller([&] { stub->Rollout(&unary_context, large_, &reply); });
    const auto stream = stub->StreamRollout(&stream_context);
    stream->Write(large_);
    for (int i = 0; i < 20 * yields; ++i) std::this_thread::yield();
    unary_context.TryCancel();
    stream_context.TryCancel();
    caller.join();
    v1::StreamRolloutReply stream_reply;
    while (stream->Read(&stream_reply)) {
    }
    stream->Finish();
  }
  EXPECT_TRUE(server_->Drain()) << "no call is left";
}

}  // namespace
}  // namespace rollout
