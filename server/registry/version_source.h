// How a request says which version it wants, and who answers that.
#ifndef ROLLOUT_SERVER_REGISTRY_VERSION_SOURCE_H_
#define ROLLOUT_SERVER_REGISTRY_VERSION_SOURCE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/registry/servable.h"

namespace rollout {

// At most one of the two; neither = what the server serves by default.
struct VersionChoice {
  int64_t version = 0;
  std::string label;  // "stable"
};

// Finds loaded versions: the registry itself, or the view of it that one stream keeps. Any thread.
class VersionSource {
 public:
  virtual ~VersionSource() = default;

  // INVALID_ARGUMENT where both version and label are given; NOT_FOUND listing what there is, with
  // the reason of a quarantined version; UNAVAILABLE while the version asked for is loading.
  virtual absl::StatusOr<ServableHandle> Find(const std::string& model,
                                              const VersionChoice& choice) = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_VERSION_SOURCE_H_
