#include "client/rollout_stream.h"

#include <grpcpp/grpcpp.h>

#include <thread>
#include <utility>

#include "base/mutex.h"
#include "client/retry.h"
#include "rollout/v1/transition_model.grpc.pb.h"

namespace rollout {

class RolloutStream::Call {
 public:
  Call(const Client& client, Answer answer, absl::Duration deadline)
      : answer_(std::move(answer)), stub_(v1::TransitionModel::NewStub(client.channel())) {
    if (deadline != absl::InfiniteDuration()) {
      context_.set_deadline(absl::ToChronoTime(absl::Now() + deadline));
    }
    // Without its credential the server refuses the stream, and Close says so.
    (void)client.Authorize(&context_);
    stream_ = stub_->StreamRollout(&context_);
    reader_ = std::thread([this] { Read(); });
  }

  ~Call() {
    context_.TryCancel();
    if (reader_.joinable()) (void)Close();
  }

  absl::Status Send(const RolloutArguments& arguments) {
    v1::RolloutRequest request;
    if (absl::Status filled = FillRequest(arguments, &request); !filled.ok()) return filled;
    MutexLock lock(&writing_);
    if (stream_->Write(request)) return absl::OkStatus();
    return absl::UnavailableError("the stream has ended: close it for the reason");
  }

  absl::Status Close() {
    {
      MutexLock lock(&writing_);
      stream_->WritesDone();
    }
    reader_.join();
    const grpc::Status status = stream_->Finish();
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }

 private:
  static absl::Status Refusal(const v1::StreamRolloutReply::Error& error) {
    absl::Status refusal(static_cast<absl::StatusCode>(error.code()), error.message());
    if (error.retry_after_ms() == 0) return refusal;
    return WithRetryAfter(std::move(refusal),
                          absl::Milliseconds(static_cast<int64_t>(error.retry_after_ms())));
  }

  void Read() {
    v1::StreamRolloutReply reply;
    while (stream_->Read(&reply)) {
      if (reply.has_error()) {
        answer_(reply.id(), Refusal(reply.error()));
      } else {
        answer_(reply.id(), RolloutResult::FromReply(std::move(*reply.mutable_reply())));
      }
    }
  }

  const Answer answer_;
  const std::unique_ptr<v1::TransitionModel::Stub> stub_;
  grpc::ClientContext context_;
  Mutex writing_;  // one write at a time
  std::unique_ptr<grpc::ClientReaderWriter<v1::RolloutRequest, v1::StreamRolloutReply>> stream_;
  std::thread reader_;
};

std::unique_ptr<RolloutStream> RolloutStream::Open(const Client& client, Answer answer,
                                                   absl::Duration deadline) {
  return std::unique_ptr<RolloutStream>(
      new RolloutStream(std::make_unique<Call>(client, std::move(answer), deadline)));
}

RolloutStream::RolloutStream(std::unique_ptr<Call> call) : call_(std::move(call)) {}

RolloutStream::~RolloutStream() = default;

absl::Status RolloutStream::Send(const RolloutArguments& arguments) {
  return call_->Send(arguments);
}

absl::Status RolloutStream::Close() { return call_->Close(); }

}  // namespace rollout
