#include "tests/fuzz/served_server.h"

#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <spdlog/spdlog.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "rollout/v1/admin.pb.h"
#include "server/rollout_server.h"
#include "tests/fuzz/served_model.h"
#include "tests/server/test_repository.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

class OneModelServer {
 public:
  OneModelServer() {
    spdlog::set_level(spdlog::level::off);
    TestRepository repository(folder_ / "models");
    std::filesystem::create_directory(folder_ / "models");
    repository.Publish(FuzzSpec(), 1);
    ServerOptions options;
    options.model_repository = repository.path();
    options.listen = "127.0.0.1:0";
    options.metrics_listen = "";
    options.engine.engine = "fused";
    options.engine.threads = 1;
    options.poll_interval = absl::Milliseconds(5);
    options.request = FuzzLimits();
    auto server = RolloutServer::Start(options);
    if (!server.ok()) std::abort();
    server_ = *std::move(server);
    stub_ = std::make_unique<grpc::GenericStub>(server_->InProcessChannel());
  }

  grpc::GenericStub& stub() { return *stub_; }

 private:
  const TemporaryDirectory folder_;
  std::unique_ptr<RolloutServer> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

// One call over its own completion queue: writes and reads at the same time, for a server that is
// owed reads takes no more writes.
class Exchange {
 public:
  Exchange(const std::vector<std::string>& messages, const EnoughReplies& enough)
      : messages_(messages), enough_(enough) {}

  ServerAnswer Run(grpc::GenericStub& stub, const std::string& method) {
    call_ = stub.PrepareCall(&context_, method, &queue_);
    call_->StartCall(Tag(kStarted));
    void* tag = nullptr;
    bool ok = false;
    while (queue_.Next(&tag, &ok)) Happened(static_cast<Step>(reinterpret_cast<intptr_t>(tag)), ok);
    return std::move(answer_);
  }

 private:
  enum Step : intptr_t { kStarted = 1, kWritten, kRead, kFinished };
  static void* Tag(Step step) { return reinterpret_cast<void*>(step); }

  void Happened(Step step, bool ok) {
    switch (step) {
      case kStarted:
        if (ok) Write();
        call_->Read(&reply_, Tag(kRead));
        break;
      case kWritten:
        if (ok) Write();
        break;
      case kRead:
        if (ok) {
          Keep();
        } else {
          call_->Finish(&answer_.status, Tag(kFinished));
        }
        break;
      case kFinished:
        queue_.Shutdown();
        break;
    }
  }

  void Write() {
    if (written_ > messages_.size()) return;
    if (written_ == messages_.size()) {
      call_->WritesDone(Tag(kWritten));
    } else {
      const grpc::Slice slice(messages_[written_]);
      call_->Write(grpc::ByteBuffer(&slice, 1), Tag(kWritten));
    }
    ++written_;
  }

  void Keep() {
    answer_.replies.push_back(reply_);
    reply_.Clear();
    if (enough_ && enough_(answer_.replies.back())) context_.TryCancel();
    call_->Read(&reply_, Tag(kRead));
  }

  const std::vector<std::string>& messages_;
  const EnoughReplies& enough_;
  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> call_;
  grpc::ByteBuffer reply_;
  size_t written_ = 0;
  ServerAnswer answer_;
};

std::string LoadMessage() {
  v1::LoadRequest request;
  request.set_model("model");
  return request.SerializeAsString();
}

}  // namespace

ServerAnswer CallServer(const std::string& method, const std::vector<std::string>& messages,
                        const EnoughReplies& enough) {
  static OneModelServer server;
  // Waits for the version's verdict.
  static const bool loaded = [] {
    const std::vector<std::string> load = {LoadMessage()};
    const EnoughReplies all;
    return Exchange(load, all).Run(server.stub(), "/rollout.v1.Admin/Load").status.ok();
  }();
  if (!loaded) std::abort();
  return Exchange(messages, enough).Run(server.stub(), method);
}

ServerAnswer CallServerOnce(const std::string& method, const std::string& message) {
  ServerAnswer answer = CallServer(method, {message});
  // gRPC's own answer to bytes that do not decode says nothing.
  const bool says_nothing = answer.status.error_message().empty() &&
                            answer.status.error_code() != grpc::StatusCode::UNIMPLEMENTED;
  if (answer.status.ok() ? answer.replies.size() != 1 : says_nothing) std::abort();
  return answer;
}

}  // namespace rollout
