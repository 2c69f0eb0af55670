// A whole server with one small model, asked as strangers ask it: by any bytes over a channel.
#ifndef ROLLOUT_TESTS_FUZZ_SERVED_SERVER_H_
#define ROLLOUT_TESTS_FUZZ_SERVED_SERVER_H_

#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/status.h>

#include <functional>
#include <string>
#include <vector>

namespace rollout {

struct ServerAnswer {
  grpc::Status status;
  std::vector<grpc::ByteBuffer> replies;
};

// Whether the replies so far are enough, where a call does not end by itself; it is cancelled then.
using EnoughReplies = std::function<bool(const grpc::ByteBuffer& last)>;

// Sends `messages` on one call of `method` ("/rollout.v1.TransitionModel/GetModel") and reads until
// it ends. The server starts at the first call, with the model of FuzzSpec as version 1, and ends
// with the process. One thread.
ServerAnswer CallServer(const std::string& method, const std::vector<std::string>& messages,
                        const EnoughReplies& enough = {});

// One call with one message. Ends the process where a refusal says nothing, or an answer is not
// exactly one message.
ServerAnswer CallServerOnce(const std::string& method, const std::string& message);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_FUZZ_SERVED_SERVER_H_
