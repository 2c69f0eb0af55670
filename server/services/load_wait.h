#ifndef ROLLOUT_SERVER_SERVICES_LOAD_WAIT_H_
#define ROLLOUT_SERVER_SERVICES_LOAD_WAIT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "server/registry/model_registry.h"
#include "server/services/open_streams.h"

namespace rollout {

// Loads a version as an operator asks and waits for its verdict, without a thread. The newest
// version, and what is not in the repository as far as the registry knows, is looked for once more,
// for it may have been published a moment ago. Owned by the OpenStreams that tell it of changes,
// until it is done. Any thread.
class LoadWait final : public OpenStream {
 public:
  using Done = std::function<void(absl::StatusOr<ModelStatus>)>;

  // `done` runs once, on any thread and without a lock: OK with the model once the version (0 = the
  // newest) is ready; FAILED_PRECONDITION with the reason where it is quarantined; NOT_FOUND;
  // UNAVAILABLE where the repository cannot be read or the server drains. `look_now` has the
  // repository looked at soon.
  static void Start(ModelRegistry* registry, OpenStreams* streams,
                    const std::function<void()>& look_now, const std::string& model,
                    int64_t version, Done done);

  LoadWait(ModelRegistry* registry, OpenStreams* streams, std::function<void()> look_now,
           std::string model, int64_t version, Done done);

 private:
  void RegistryChanged() override;
  void Drain() override;

  // Whether the repository has been looked at from the request on.
  bool Looked() const;
  // ABORTED as long as the verdict is out. Called by one thread at a time, without the lock, for
  // the registry may call RegistryChanged from inside.
  absl::StatusOr<ModelStatus> Verdict();
  void Decide() ABSL_LOCKS_EXCLUDED(mutex_);
  void Finish(absl::StatusOr<ModelStatus> result) ABSL_LOCKS_EXCLUDED(mutex_);

  ModelRegistry* const registry_;
  OpenStreams* const streams_;
  const std::function<void()> look_now_;
  const std::string model_;
  const int64_t version_;
  const int64_t looks_before_;
  bool queued_ = false;  // the registry took the request; of whoever decides

  Mutex mutex_;
  Done done_ ABSL_GUARDED_BY(mutex_);  // empty once it was called
  bool deciding_ ABSL_GUARDED_BY(mutex_) = false;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;  // since the deciding began
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_LOAD_WAIT_H_
