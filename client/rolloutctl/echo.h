// A bare gRPC call of a given size in this very process: the floor under any server's latency.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_ECHO_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_ECHO_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "client/rolloutctl/load_generator.h"

namespace rollout {

// A server on loopback that answers any request with `reply_bytes` bytes, and a client of it that
// sends `request_bytes` bytes; neither looks at them. Thread-safe.
class Echo {
 public:
  // UNAVAILABLE where no port can be had.
  static absl::StatusOr<std::unique_ptr<Echo>> Start(size_t request_bytes, size_t reply_bytes,
                                                     int channels);
  virtual ~Echo() = default;

  // One call; for GenerateLoad.
  virtual void Call(std::function<void(absl::Status)> done) = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_ECHO_H_
