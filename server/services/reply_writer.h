#ifndef ROLLOUT_SERVER_SERVICES_REPLY_WRITER_H_
#define ROLLOUT_SERVER_SERVICES_REPLY_WRITER_H_

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <string>
#include <vector>

namespace rollout {

// Writes one protobuf message whose large `bytes` fields are slices of memory that already exists,
// so that a reply of megabytes is not copied. Fields may come in any order in protobuf's encoding:
// small fields are serialised from a message that leaves the large ones out. One thread, one reply.
class ReplyWriter {
 public:
  // The set fields of `message`, as fields of the reply.
  void AppendFields(const google::protobuf::MessageLite& message);

  // A field `number` of type bytes.
  void AppendBytes(int number, grpc::Slice bytes);

  // A field `number` whose type is a message with the set fields of `message` and the bytes field
  // `bytes_number`.
  void AppendMessageWithBytes(int number, const google::protobuf::MessageLite& message,
                              int bytes_number, grpc::Slice bytes);

  // A field `number` whose type is the message that `encoded` holds.
  void AppendMessage(int number, const grpc::ByteBuffer& encoded);

  grpc::ByteBuffer Finish();

 private:
  void FlushSmall();

  std::string small_;  // encoded, not yet a slice
  std::vector<grpc::Slice> slices_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_REPLY_WRITER_H_
