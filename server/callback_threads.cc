#include "server/callback_threads.h"

#include <grpc/support/cpu.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <system_error>
#include <thread>

namespace rollout {

namespace {

int CountNamedThreads() {
  int count = 0;
  std::error_code error;
  for (const auto& thread : std::filesystem::directory_iterator("/proc/self/task", error)) {
    std::ifstream file(thread.path() / "comm");
    std::string name;
    count += std::getline(file, name) && name == "nexting_thread" ? 1 : 0;
  }
  return count;
}

// As gRPC 1.51 decides (CallbackAlternativeCQ in completion_queue_cc.cc).
int ThreadsToBeStarted() { return std::clamp(static_cast<int>(gpr_cpu_num_cores() / 2), 2, 16); }

}  // namespace

int CountCallbackThreads() {
  // Each gives itself its name when it begins to run.
  constexpr auto kLongestStart = std::chrono::seconds(1);
  const auto start = std::chrono::steady_clock::now();
  int count = CountNamedThreads();
  while (count < ThreadsToBeStarted() && std::chrono::steady_clock::now() - start < kLongestStart) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    count = CountNamedThreads();
  }
  return count;
}

struct CallbackThreads::FailingCall {
  // A channel without credentials, which is not connected to anything.
  grpc::GenericStub stub{grpc::CreateChannel("", nullptr)};
  grpc::ClientContext context;
  const grpc::Slice nothing;
  const grpc::ByteBuffer request{&nothing, 1};
  grpc::ByteBuffer reply;
};

CallbackThreads::CallbackThreads(int wanted) {
  const int sleepers = std::max(0, CountCallbackThreads() - std::max(1, wanted));
  for (int i = 0; i < sleepers; ++i) {
    FailingCall& call = *calls_.emplace_back(std::make_unique<FailingCall>());
    call.stub.UnaryCall(&call.context, "/none/None", grpc::StubOptions(), &call.request,
                        &call.reply, [this](const grpc::Status&) { Sleep(); });
  }
  MutexLock lock(&mutex_);
  while (asleep_ < sleepers) changed_.Wait(&mutex_);
}

CallbackThreads::~CallbackThreads() {
  MutexLock lock(&mutex_);
  awake_ = true;
  changed_.NotifyAll();
  while (asleep_ > 0) changed_.Wait(&mutex_);
}

void CallbackThreads::Sleep() {
  MutexLock lock(&mutex_);
  ++asleep_;
  changed_.NotifyAll();
  while (!awake_) changed_.Wait(&mutex_);
  --asleep_;
  changed_.NotifyAll();
}

}  // namespace rollout
