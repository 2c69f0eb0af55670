#include "server/callback_threads.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace rollout {
namespace {

namespace health = grpc::health::v1;

// Answers on the thread that gRPC calls it on, whose id is the error's text.
class ThreadNamer final : public health::Health::CallbackService {
 public:
  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context,
                                  const health::HealthCheckRequest*,
                                  health::HealthCheckResponse*) override {
    const size_t thread = std::hash<std::thread::id>()(std::this_thread::get_id());
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status(grpc::StatusCode::ABORTED, absl::StrCat(thread)));
    return reactor;
  }
};

class CallbackThreadsTest : public testing::Test {
 protected:
  CallbackThreadsTest() {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    const std::string address = absl::StrCat("127.0.0.1:", port);
    for (int i = 0; i < kConnections; ++i) {
      grpc::ChannelArguments arguments;
      arguments.SetInt("connection", i);  // or they would share one
      stubs_.push_back(health::Health::NewStub(
          grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
  }

  // Which threads answered a hundred calls on each connection at once.
  std::set<std::string> AnsweringThreads() {
    std::vector<std::future<std::set<std::string>>> seen;
    for (const auto& stub : stubs_) {
      seen.push_back(std::async(std::launch::async, [&stub] {
        std::set<std::string> threads;
        for (int i = 0; i < 100; ++i) {
          grpc::ClientContext context;
          health::HealthCheckResponse reply;
          const grpc::Status status = stub->Check(&context, {}, &reply);
          EXPECT_EQ(status.error_code(), grpc::StatusCode::ABORTED);
          threads.insert(status.error_message());
        }
        return threads;
      }));
    }
    std::set<std::string> all;
    for (auto& threads : seen) all.merge(threads.get());
    return all;
  }

  static constexpr int kConnections = 4;

  ThreadNamer service_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<health::Health::Stub>> stubs_;
};

TEST_F(CallbackThreadsTest, AsManyAnswerAsAreWanted) {
  ASSERT_GE(CountCallbackThreads(), 2);
  {
    const CallbackThreads one(1);
    EXPECT_EQ(AnsweringThreads().size(), 1);
  }
  {
    const CallbackThreads two(2);
    EXPECT_LE(AnsweringThreads().size(), 2);
  }
  const CallbackThreads as_many_as_there_are(CountCallbackThreads());
  EXPECT_GE(AnsweringThreads().size(), 1);
}

TEST_F(CallbackThreadsTest, TheOthersComeBack) {
  { const CallbackThreads one(1); }
  // Whether a second thread is asked depends on how the first is scheduled: until one is.
  std::set<std::string> threads;
  for (int i = 0; i < 1000 && threads.size() < 2; ++i) threads.merge(AnsweringThreads());
  EXPECT_GE(threads.size(), 2);
}

TEST_F(CallbackThreadsTest, LessThanOneIsOne) {
  const CallbackThreads none(0);
  EXPECT_EQ(AnsweringThreads().size(), 1);
}

}  // namespace
}  // namespace rollout
