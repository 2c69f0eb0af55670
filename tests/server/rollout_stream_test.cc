#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/test_server.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class RolloutStreamTest : public ServerTest {
 protected:
  // An open stream; cancelled when it goes.
  struct Stream {
    explicit Stream(v1::TransitionModel::Stub* stub) : calls(stub->StreamRollout(&context)) {}
    ~Stream() {
      if (finished) return;
      context.TryCancel();
      v1::StreamRolloutReply reply;
      while (calls->Read(&reply)) {
      }
      calls->Finish();
    }
    grpc::Status Finish() {
      finished = true;
      return calls->Finish();
    }
    bool finished = false;
    grpc::ClientContext context;
    std::unique_ptr<grpc::ClientReaderWriter<v1::RolloutRequest, v1::StreamRolloutReply>> calls;
  };

  std::unique_ptr<Stream> Open() { return std::make_unique<Stream>(transition_model_.get()); }

  static v1::RolloutRequest Request(const std::string& id, int lanes, int horizon,
                                    uint64_t seed = 1) {
    v1::RolloutRequest request = MakeRolloutRequest("model", lanes, horizon, seed);
    request.set_id(id);
    return request;
  }

  v1::RolloutReply Unary(const v1::RolloutRequest& request) {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    EXPECT_TRUE(transition_model_->Rollout(&context, request, &reply).ok());
    return reply;
  }
};

TEST_F(RolloutStreamTest, ManyInFlightAreAnsweredAsCallsOfTheirOwn) {
  repository_.Publish("model", 1);
  StartServer();
  const auto stream = Open();
  constexpr int kRequests = 100;  // more than may be unanswered at a time
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      ASSERT_TRUE(stream->calls->Write(Request(absl::StrCat(i), 1 + i % 3, 1 + i % 7, i)));
    }
    stream->calls->WritesDone();
  });
  std::map<std::string, v1::RolloutReply> replies;
  v1::StreamRolloutReply reply;
  while (stream->calls->Read(&reply)) {
    ASSERT_TRUE(reply.has_reply()) << reply.error().message();
    EXPECT_EQ(reply.id(), reply.reply().id());
    replies[reply.id()] = reply.reply();
  }
  writer.join();
  ASSERT_EQ(replies.size(), static_cast<size_t>(kRequests));
  for (int i = 0; i < kRequests; i += 17) {
    const v1::RolloutReply alone = Unary(Request(absl::StrCat(i), 1 + i % 3, 1 + i % 7, i));
    EXPECT_EQ(replies[absl::StrCat(i)].trajectory().data(), alone.trajectory().data());
  }
}

TEST_F(RolloutStreamTest, AShortRequestOvertakesALongOne) {
  repository_.Publish("model", 1);
  PublishSlowModel("slow");
  StartServer();
  const auto stream = Open();
  v1::RolloutRequest slow = MakeRolloutRequest("slow", 64, 16384);
  slow.mutable_outputs()->set_final_state(true);
  slow.set_id("slow");
  ASSERT_TRUE(stream->calls->Write(slow));
  ASSERT_TRUE(stream->calls->Write(Request("quick", 1, 2)));
  v1::StreamRolloutReply reply;
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.id(), "quick");
  // The end of the stream cancels the other, whose rollout would take minutes.
}

TEST_F(RolloutStreamTest, ARefusedRequestLeavesTheStreamOpen) {
  repository_.Publish("model", 1);
  StartServer();
  const auto stream = Open();
  v1::RolloutRequest bad = Request("bad", 1, 2);
  bad.mutable_controls()->mutable_shape()->Set(2, 7);
  ASSERT_TRUE(stream->calls->Write(bad));
  v1::RolloutRequest unknown = Request("unknown", 1, 2);
  unknown.set_model("walker");
  v1::StreamRolloutReply reply;
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.id(), "bad");
  EXPECT_EQ(reply.error().code(), static_cast<uint32_t>(grpc::StatusCode::INVALID_ARGUMENT));
  EXPECT_THAT(reply.error().message(), AllOf(HasSubstr("controls"), HasSubstr("7")));
  ASSERT_TRUE(stream->calls->Write(unknown));
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.id(), "unknown");
  EXPECT_EQ(reply.error().code(), static_cast<uint32_t>(grpc::StatusCode::NOT_FOUND));
  v1::RolloutRequest late = Request("late", 1, 16000);
  late.set_timeout_us(1);
  ASSERT_TRUE(stream->calls->Write(late));
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.id(), "late");
  EXPECT_EQ(reply.error().code(), static_cast<uint32_t>(grpc::StatusCode::DEADLINE_EXCEEDED));
  ASSERT_TRUE(stream->calls->Write(Request("good", 1, 2)));
  stream->calls->WritesDone();
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_TRUE(reply.has_reply());
  EXPECT_FALSE(stream->calls->Read(&reply));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(RolloutStreamTest, AStreamKeepsTheVersionThatItBeganWith) {
  repository_.Publish("model", 1);
  StartServer();
  const auto stream = Open();
  v1::StreamRolloutReply reply;
  ASSERT_TRUE(stream->calls->Write(Request("before", 1, 2)));
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.reply().version(), 1u);
  for (uint64_t version = 2; version <= 4; ++version) repository_.Publish("model", version);
  // Unnamed requests get version 4 once it serves; version 1 is loaded for the stream alone.
  grpc::ClientContext context;
  v1::WatchModelsRequest request;
  const auto watch = transition_model_->WatchModels(&context, request);
  v1::WatchModelsReply model;
  while (watch->Read(&model) && model.model().serving_version() != 4) {
  }
  EXPECT_EQ(Unary(Request("", 1, 2)).version(), 4u);
  ASSERT_TRUE(stream->calls->Write(Request("after", 1, 2)));
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_EQ(reply.reply().version(), 1u);
  v1::RolloutRequest named = Request("", 1, 2);
  named.set_version(1);
  EXPECT_EQ(Unary(named).version(), 1u) << "what the stream uses is there for others, too";
  context.TryCancel();
  watch->Finish();
}

TEST_F(RolloutStreamTest, AReaderThatStopsHoldsBackNobodyElseAndIsHeldBackItself) {
  options_.listen = "127.0.0.1:0";
  options_.stream_requests = 4;
  repository_.Publish("model", 1);
  StartServer();
  const auto stream = Open();
  // 660 KB an answer; the reader takes none, so the server stops reading after a few.
  constexpr int kRequests = 60;
  std::atomic<int> written = 0;
  std::thread writer([&] {
    for (int i = 0; i < kRequests; ++i) {
      if (!stream->calls->Write(Request(absl::StrCat(i), 64, 640))) return;
      ++written;
    }
    stream->calls->WritesDone();
  });
  for (int i = 0; i < 100; ++i) Unary(Request("", 1, 2));
  EXPECT_LT(written.load(), kRequests) << "flow control reaches the writer";
  std::map<std::string, int> ids;
  v1::StreamRolloutReply reply;
  while (stream->calls->Read(&reply)) ++ids[reply.id()];
  writer.join();
  EXPECT_EQ(ids.size(), static_cast<size_t>(kRequests)) << "once it reads, nothing is missing";
}

TEST_F(RolloutStreamTest, ACancelledStreamFreesItsLanes) {
  options_.batch.queue_lanes = 8;
  options_.batch.batch_lanes = 8;
  options_.request.max_lanes = 8;
  PublishSlowModel("slow");
  StartServer();
  v1::RolloutRequest endless = MakeRolloutRequest("slow", 8, 16384);
  endless.mutable_outputs()->set_final_state(true);
  {
    const auto stream = Open();
    for (const char* id : {"running", "waiting", "refused"}) {
      endless.set_id(id);
      ASSERT_TRUE(stream->calls->Write(endless));
    }
    v1::StreamRolloutReply reply;
    ASSERT_TRUE(stream->calls->Read(&reply));
    EXPECT_EQ(reply.error().code(), static_cast<uint32_t>(grpc::StatusCode::RESOURCE_EXHAUSTED));
    EXPECT_GE(reply.error().retry_after_ms(), 1u);
  }
  v1::RolloutRequest quick = MakeRolloutRequest("slow", 8, 1);
  grpc::StatusCode code = grpc::StatusCode::RESOURCE_EXHAUSTED;
  while (code == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    code = transition_model_->Rollout(&context, quick, &reply).error_code();
  }
  EXPECT_EQ(code, grpc::StatusCode::OK);
}

TEST_F(RolloutStreamTest, ADrainAnswersWhatIsInFlightAndEndsTheStream) {
  repository_.Publish("model", 1);
  StartServer();
  const auto idle = Open();
  const auto stream = Open();
  v1::StreamRolloutReply reply;
  ASSERT_TRUE(stream->calls->Write(Request("first", 1, 2)));
  ASSERT_TRUE(stream->calls->Read(&reply));
  EXPECT_TRUE(server_->Drain()) << "an open stream does not hold up the drain";
  EXPECT_FALSE(stream->calls->Read(&reply));
  EXPECT_THAT(stream->Finish(), GrpcStatusIs(grpc::StatusCode::UNAVAILABLE, HasSubstr("draining")));
  EXPECT_FALSE(idle->calls->Read(&reply));
}

TEST_F(RolloutStreamTest, AWatchTellsEveryModelOnceAndThenWhatChanges) {
  repository_.Publish("ant", 1);
  repository_.Publish("model", 1);
  StartServer();
  grpc::ClientContext context;
  const auto watch = transition_model_->WatchModels(&context, v1::WatchModelsRequest());
  v1::WatchModelsReply reply;
  std::vector<std::string> names;
  do {
    ASSERT_TRUE(watch->Read(&reply));
    names.push_back(reply.model().name());
  } while (!reply.complete());
  EXPECT_THAT(names, testing::ElementsAre("ant", "model"));
  repository_.Publish("model", 2);
  while (watch->Read(&reply) && reply.model().serving_version() != 2) {
    EXPECT_EQ(reply.model().name(), "model") << "ant did not change";
  }
  std::filesystem::remove_all(folder_ / "models" / "ant");
  do {
    ASSERT_TRUE(watch->Read(&reply));
  } while (!reply.removed());
  EXPECT_EQ(reply.model().name(), "ant");
  server_->Drain();
  while (watch->Read(&reply)) {
  }
  EXPECT_THAT(watch->Finish(), GrpcStatusIs(grpc::StatusCode::UNAVAILABLE, HasSubstr("draining")));
}

}  // namespace
}  // namespace rollout
