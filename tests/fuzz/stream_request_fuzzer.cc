// StreamRollout and ModelStreamInfer of a whole server: every message on a stream gets exactly one
// answer, whatever its bytes are, and the stream ends well. The first byte chooses the protocol;
// each message follows its length, two bytes, little-endian.
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <cstdlib>

#include "inference/grpc_service.pb.h"
#include "rollout/v1/transition_model.pb.h"
#include "tests/fuzz/served_server.h"

namespace {

constexpr size_t kMostMessages = 8;

std::vector<std::string> Messages(const uint8_t* data, size_t size) {
  std::vector<std::string> messages;
  while (size >= 2 && messages.size() < kMostMessages) {
    const size_t length = std::min<size_t>(data[0] | data[1] << 8, size - 2);
    messages.emplace_back(reinterpret_cast<const char*>(data) + 2, length);
    data += 2 + length;
    size -= 2 + length;
  }
  return messages;
}

template <typename Reply>
Reply Parse(grpc::ByteBuffer bytes) {
  Reply reply;
  if (!grpc::SerializationTraits<Reply>::Deserialize(&bytes, &reply).ok()) std::abort();
  return reply;
}

void CheckRollouts(const std::vector<grpc::ByteBuffer>& replies) {
  for (const grpc::ByteBuffer& bytes : replies) {
    const auto reply = Parse<rollout::v1::StreamRolloutReply>(bytes);
    if (reply.has_error() ? reply.error().code() == 0 || reply.error().message().empty()
                          : !reply.has_reply() || reply.reply().id() != reply.id()) {
      std::abort();
    }
  }
}

void CheckInferences(const std::vector<grpc::ByteBuffer>& replies) {
  for (const grpc::ByteBuffer& bytes : replies) {
    const auto reply = Parse<inference::ModelStreamInferResponse>(bytes);
    if (reply.error_message().empty() && reply.infer_response().outputs_size() == 0) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const bool inference = (data[0] & 1) != 0;
  const std::vector<std::string> messages = Messages(data + 1, size - 1);
  const rollout::ServerAnswer answer =
      rollout::CallServer(inference ? "/inference.GRPCInferenceService/ModelStreamInfer"
                                    : "/rollout.v1.TransitionModel/StreamRollout",
                          messages);
  if (!answer.status.ok() || answer.replies.size() != messages.size()) std::abort();
  if (inference) {
    CheckInferences(answer.replies);
  } else {
    CheckRollouts(answer.replies);
  }
  return 0;
}
