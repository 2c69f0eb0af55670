// Which versions of a model are loaded, as a pure function of what is known of them.
#ifndef ROLLOUT_SERVER_REGISTRY_VERSION_POLICY_H_
#define ROLLOUT_SERVER_REGISTRY_VERSION_POLICY_H_

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rollout {

enum class VersionState {
  kUnloaded,     // on disk, not looked at or no longer kept
  kLoading,      // queued for the loader or being loaded
  kReady,        // warm
  kQuarantined,  // refused
};

// "UNLOADED", "LOADING", "READY", "QUARANTINED".
const char* Name(VersionState state);

struct VersionPolicy {
  int loaded_versions = 2;                           // newest good ones that stay loaded
  absl::Duration version_linger = absl::Minutes(1);  // after its last use a version stays this long
};

struct VersionView {
  int64_t version = 0;
  VersionState state = VersionState::kUnloaded;
  bool on_disk = true;
  bool may_retry = false;  // quarantined, but its files have changed and are still now
  // By what asked for this very version; the infinite future while it is used.
  absl::Time last_used = absl::InfinitePast();
  bool kept = false;    // loaded and stays so: the operator says it
  bool barred = false;  // not loaded: the operator says it
  bool pinned = false;  // serves by default once it is ready
};

struct VersionActions {
  std::vector<int64_t> load;    // lowest first: the oldest is what the others must agree with
  std::vector<int64_t> unload;  // ready ones
  std::vector<int64_t> forget;  // gone from the disk and not loaded
  int64_t serving = 0;          // what a request without a version gets; 0 = none
};

// `versions` by rising number.
// - Wanted: the newest `loaded_versions` that are ready, loading or worth a try; quarantined ones
//   do not count, so that older ones take their place.
// - A ready version goes when that many newer ones are ready, or when its folder has vanished, but
//   not until `version_linger` after its last use.
// - Kept ones are wanted besides, and stay; barred ones are neither loaded nor kept waiting for.
// - Serving: the pinned one where it is ready, else the newest that is ready and on disk.
VersionActions DecideVersions(absl::Span<const VersionView> versions, const VersionPolicy& policy,
                              absl::Time now);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_VERSION_POLICY_H_
