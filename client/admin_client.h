// What an operator does to a running server.
#ifndef ROLLOUT_CLIENT_ADMIN_CLIENT_H_
#define ROLLOUT_CLIENT_ADMIN_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "rollout/v1/admin.pb.h"

namespace rollout {

// rollout.v1.Admin and WatchModels by a client's connection. Nothing is retried. What is changed is
// forgotten when the server restarts; `note` of the replies says so. Thread-safe; `client` must
// outlive it.
class AdminClient {
 public:
  // `timeout` is of each call; loading a version may take long.
  explicit AdminClient(const Client* client, absl::Duration timeout = absl::Seconds(60))
      : client_(client), timeout_(timeout) {}

  // Loads `version` and keeps it, or with 0 lifts Unload; waits for the verdict.
  // FAILED_PRECONDITION with the reason where the version is quarantined; NOT_FOUND.
  absl::StatusOr<v1::AdminReply> Load(const std::string& model, uint64_t version) const;
  // 0 = the whole model.
  absl::StatusOr<v1::AdminReply> Unload(const std::string& model, uint64_t version) const;
  // What requests without a version get; 0 = the newest good one again.
  absl::StatusOr<v1::AdminReply> Pin(const std::string& model, uint64_t version) const;
  // 0 removes the label. FAILED_PRECONDITION where the version is not ready.
  absl::StatusOr<v1::AdminReply> SetLabel(const std::string& model, const std::string& label,
                                          uint64_t version) const;
  // As SIGTERM.
  absl::StatusOr<v1::DrainReply> Drain() const;

  // Calls `told` for every model of `models` (empty = all) and then for each change, on this
  // thread, until it returns false (OK) or the stream ends (why).
  absl::Status Watch(const std::vector<std::string>& models,
                     const std::function<bool(const v1::WatchModelsReply&)>& told) const;

 private:
  const Client* const client_;
  const absl::Duration timeout_;
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ADMIN_CLIENT_H_
