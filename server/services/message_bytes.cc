#include "server/services/message_bytes.h"

#include <grpcpp/support/proto_buffer_reader.h>

#include "absl/strings/str_cat.h"

namespace rollout {

absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message* message) {
  // The reader takes a non-const buffer but only references it.
  grpc::ByteBuffer shared(bytes);
  grpc::ProtoBufferReader reader(&shared);
  if (reader.status().ok() && message->ParseFromZeroCopyStream(&reader) && reader.status().ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("request: got ", bytes.Length(),
                   " bytes that do not decode, expected the message ", message->GetTypeName(),
                   "; generate the client from this server's .proto files or use reflection"));
}

}  // namespace rollout
