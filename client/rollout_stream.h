// Many rollouts in flight on one connection to one version.
#ifndef ROLLOUT_CLIENT_ROLLOUT_STREAM_H_
#define ROLLOUT_CLIENT_ROLLOUT_STREAM_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"

namespace rollout {

// An open StreamRollout. The server answers as rollouts are ready, in any order; requests are told
// apart by their id. All requests for one model (and one label) are answered by the version that
// the first one met, for as long as the stream lives. Made by Open; Send from any thread, one at a
// time gets through; destroying it cancels what is in flight.
class RolloutStream {
 public:
  // Called on the stream's own thread, once for each request that was sent and answered: its
  // result, or why it was refused (code and message as of a call, RetryAfter where the server says
  // when to come back; the stream goes on and sends nothing again by itself). As long as
  // it runs nothing more is read, and in the end the server stops reading requests.
  using Answer = std::function<void(const std::string& id, absl::StatusOr<RolloutResult> result)>;

  // `client` need not outlive the stream. `deadline` is that of the stream as a whole.
  static std::unique_ptr<RolloutStream> Open(const Client& client, Answer answer,
                                             absl::Duration deadline = absl::InfiniteDuration());
  ~RolloutStream();
  RolloutStream(const RolloutStream&) = delete;
  RolloutStream& operator=(const RolloutStream&) = delete;

  // Waits until the server takes it. INVALID_ARGUMENT as Client::Rollout; UNAVAILABLE where the
  // stream has ended, whose reason Close tells.
  absl::Status Send(const RolloutArguments& arguments);

  // Says that nothing more comes, waits for the answers that are missing, and returns how the
  // stream ended: OK, UNAVAILABLE (draining, no connection), DEADLINE_EXCEEDED. Once.
  absl::Status Close();

 private:
  class Call;
  explicit RolloutStream(std::unique_ptr<Call> call);
  const std::unique_ptr<Call> call_;
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUT_STREAM_H_
