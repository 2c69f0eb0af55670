#ifndef ROLLOUT_SERVER_SERVICES_STREAM_VERSIONS_H_
#define ROLLOUT_SERVER_SERVICES_STREAM_VERSIONS_H_

#include <map>
#include <string>
#include <tuple>

#include "server/registry/version_source.h"

namespace rollout {

// The versions that one stream met, which stay the stream's, and loaded, until it ends: whoever
// asked for "the newest" or for a label goes on with the version that this first meant. Owned by
// the stream; one thread at a time.
class StreamVersions final : public VersionSource {
 public:
  // `versions` outlives it.
  explicit StreamVersions(VersionSource* versions) : versions_(versions) {}

  absl::StatusOr<ServableHandle> Find(const std::string& model,
                                      const VersionChoice& choice) override {
    ServableHandle& pinned = pinned_[{model, choice.version, choice.label}];
    if (pinned == nullptr) {
      absl::StatusOr<ServableHandle> found = versions_->Find(model, choice);
      if (!found.ok()) {
        pinned_.erase({model, choice.version, choice.label});
        return found.status();
      }
      pinned = KeptLoaded(*std::move(found));
    }
    return pinned;
  }

 private:
  VersionSource* const versions_;
  std::map<std::tuple<std::string, int64_t, std::string>, ServableHandle> pinned_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_STREAM_VERSIONS_H_
