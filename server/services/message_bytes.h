#ifndef ROLLOUT_SERVER_SERVICES_MESSAGE_BYTES_H_
#define ROLLOUT_SERVER_SERVICES_MESSAGE_BYTES_H_

#include <google/protobuf/message.h>
#include <grpcpp/support/byte_buffer.h>

#include "absl/status/status.h"

namespace rollout {

// Fills `message` from the bytes of a call. INVALID_ARGUMENT naming the message's type where they
// do not decode as one.
absl::Status ParseMessage(const grpc::ByteBuffer& bytes, google::protobuf::Message* message);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_MESSAGE_BYTES_H_
