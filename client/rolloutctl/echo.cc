#include "client/rolloutctl/echo.h"

#include <grpcpp/generic/async_generic_service.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

grpc::ByteBuffer Bytes(size_t size) {
  const grpc::Slice slice(std::string(size, '\x2a'));
  return grpc::ByteBuffer(&slice, 1);
}

// Reads one message, writes one; deletes itself.
class EchoReactor final : public grpc::ServerGenericBidiReactor {
 public:
  explicit EchoReactor(const grpc::ByteBuffer& reply) : reply_(reply) { StartRead(&request_); }

  void OnReadDone(bool ok) override {
    if (ok) {
      StartWriteAndFinish(&reply_, grpc::WriteOptions(), grpc::Status::OK);
    } else {
      Finish(grpc::Status(grpc::StatusCode::CANCELLED, "no request"));
    }
  }
  void OnDone() override { delete this; }

 private:
  grpc::ByteBuffer request_;
  grpc::ByteBuffer reply_;  // shares its bytes with all others
};

class EchoService final : public grpc::CallbackGenericService {
 public:
  explicit EchoService(size_t reply_bytes) : reply_(Bytes(reply_bytes)) {}

  grpc::ServerGenericBidiReactor* CreateReactor(grpc::GenericCallbackServerContext*) override {
    return new EchoReactor(reply_);
  }

 private:
  const grpc::ByteBuffer reply_;
};

class LoopbackEcho final : public Echo {
 public:
  LoopbackEcho(size_t request_bytes, size_t reply_bytes)
      : service_(reply_bytes), request_(Bytes(request_bytes)) {}

  absl::Status Listen(int channels) {
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(-1);
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterCallbackGenericService(&service_);
    server_ = builder.BuildAndStart();
    if (server_ == nullptr || port == 0) {
      return absl::UnavailableError("the echo server found no port on 127.0.0.1");
    }
    grpc::ChannelArguments arguments;
    arguments.SetMaxReceiveMessageSize(-1);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    for (int i = 0; i < channels; ++i) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(grpc::CreateCustomChannel(
          absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials(), arguments)));
    }
    return absl::OkStatus();
  }

  void Call(std::function<void(absl::Status)> done) override {
    struct Pending {
      std::unique_ptr<grpc::ClientContext> context = std::make_unique<grpc::ClientContext>();
      grpc::ByteBuffer reply;
    };
    auto pending = std::make_shared<Pending>();
    Pending* raw = pending.get();
    stubs_[next_++ % stubs_.size()]->UnaryCall(
        raw->context.get(), "/rollout.Echo/Echo", grpc::StubOptions(), &request_, &raw->reply,
        [pending = std::move(pending), done = std::move(done)](const grpc::Status& status) {
          // It holds the channel, whose end must not come on this thread.
          pending->context.reset();
          done(absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                            status.error_message()));
        });
  }

 private:
  EchoService service_;
  const grpc::ByteBuffer request_;
  std::unique_ptr<grpc::Server> server_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::atomic<size_t> next_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Echo>> Echo::Start(size_t request_bytes, size_t reply_bytes,
                                                  int channels) {
  auto echo = std::make_unique<LoopbackEcho>(request_bytes, reply_bytes);
  if (absl::Status status = echo->Listen(channels); !status.ok()) return status;
  return echo;
}

}  // namespace rollout
