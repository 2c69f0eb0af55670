// Shows what the thread sanitizer sees of calls on a gRPC that is not instrumented, so that one may
// believe a run of the server's tests that reports nothing. Calls of four threads each write a
// number on one thread of the server and read it in OnDone, on another. With the argument `shared`
// they also count themselves in one plain number, a race, which must be reported; with
// `handed-over` they do not, and nothing may be reported.
#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "server/services/hand_over.h"

namespace rollout {
namespace {

constexpr int kClients = 4;
constexpr int kCalls = 100;

// Ended by a thread of its own, as rollouts are by the engine's. Deletes itself.
class Call final : public grpc::ServerGenericBidiReactor {
 public:
  // Counts itself in `shared` without a lock, unless that is null.
  explicit Call(int64_t* shared) {
    if (shared != nullptr) ++*shared;
    std::thread([this] {
      written_ = 1;
      finished_.Leave();
      Finish(grpc::Status::OK);
    }).detach();
  }

 private:
  void OnDone() override {
    finished_.Take();
    if (written_ != 1) std::abort();
    delete this;
  }

  int written_ = 0;
  HandOver finished_;
};

class Service final : public grpc::CallbackGenericService {
 public:
  explicit Service(bool counts) : counts_(counts) {}
  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new Call(counts_ ? &shared_ : nullptr);
  }

 private:
  const bool counts_;
  int64_t shared_ = 0;
};

struct Waiting {
  Mutex mutex;
  ConditionVariable finished;
  bool done ABSL_GUARDED_BY(mutex) = false;
};

void CallOnce(grpc::GenericStub& stub) {
  grpc::ClientContext context;
  const grpc::Slice slice("call");
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer reply;
  Waiting waiting;
  stub.UnaryCall(&context, "/control/Call", grpc::StubOptions(), &request, &reply,
                 [waiting = &waiting](const grpc::Status&) {
                   MutexLock lock(&waiting->mutex);
                   waiting->done = true;
                   waiting->finished.NotifyAll();
                 });
  MutexLock lock(&waiting.mutex);
  while (!waiting.done) waiting.finished.Wait(&waiting.mutex);
}

int Run(bool counts) {
  Service service(counts);
  grpc::ServerBuilder builder;
  builder.RegisterCallbackGenericService(&service);
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  const auto channel =
      grpc::CreateChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials());
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&channel] {
      grpc::GenericStub stub(channel);
      for (int call = 0; call < kCalls; ++call) CallOnce(stub);
    });
  }
  for (std::thread& client : clients) client.join();
  server->Shutdown();
  return 0;
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) {
  const std::string mode = argc == 2 ? argv[1] : "";
  if (mode != "shared" && mode != "handed-over") return 2;
  return rollout::Run(mode == "shared");
}
