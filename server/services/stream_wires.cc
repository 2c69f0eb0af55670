// How rollout.v1 and the Open Inference Protocol word the answers of a stream.
#include <utility>

#include "inference/grpc_service.pb.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/batching/retry_pushback.h"
#include "server/services/grpc_status.h"
#include "server/services/reply_writer.h"
#include "server/services/rollout_stream.h"

namespace rollout {
namespace {

class TransitionModelStreamWire final : public StreamWire {
 public:
  const RolloutCodec& codec() const override { return *codec_; }

  grpc::ByteBuffer Answer(const std::string& id, const grpc::ByteBuffer& reply) const override {
    v1::StreamRolloutReply head;
    head.set_id(id);
    ReplyWriter writer;
    writer.AppendFields(head);
    writer.AppendMessage(v1::StreamRolloutReply::kReplyFieldNumber, reply);
    return writer.Finish();
  }

  grpc::ByteBuffer Refusal(const std::string& id, const absl::Status& status) const override {
    v1::StreamRolloutReply reply;
    reply.set_id(id);
    reply.mutable_error()->set_code(static_cast<uint32_t>(status.code()));
    reply.mutable_error()->set_message(ErrorText(status));
    if (const auto delay = RetryPushback(status)) {
      reply.mutable_error()->set_retry_after_ms(absl::ToInt64Milliseconds(*delay));
    }
    ReplyWriter writer;
    writer.AppendFields(reply);
    return writer.Finish();
  }

 private:
  const std::unique_ptr<RolloutCodec> codec_ = MakeTransitionModelCodec();
};

class InferenceStreamWire final : public StreamWire {
 public:
  const RolloutCodec& codec() const override { return *codec_; }

  grpc::ByteBuffer Answer(const std::string&, const grpc::ByteBuffer& reply) const override {
    ReplyWriter writer;
    writer.AppendMessage(inference::ModelStreamInferResponse::kInferResponseFieldNumber, reply);
    return writer.Finish();
  }

  grpc::ByteBuffer Refusal(const std::string& id, const absl::Status& status) const override {
    inference::ModelStreamInferResponse response;
    response.set_error_message(ErrorText(status));
    response.mutable_infer_response()->set_id(id);
    ReplyWriter writer;
    writer.AppendFields(response);
    return writer.Finish();
  }

 private:
  const std::unique_ptr<RolloutCodec> codec_ = MakeInferenceCodec();
};

}  // namespace

std::unique_ptr<StreamWire> MakeTransitionModelStreamWire() {
  return std::make_unique<TransitionModelStreamWire>();
}

std::unique_ptr<StreamWire> MakeInferenceStreamWire() {
  return std::make_unique<InferenceStreamWire>();
}

}  // namespace rollout
