#include "server/registry/version_policy.h"

#include <algorithm>

namespace rollout {

const char* Name(VersionState state) {
  switch (state) {
    case VersionState::kUnloaded:
      return "UNLOADED";
    case VersionState::kLoading:
      return "LOADING";
    case VersionState::kReady:
      return "READY";
    case VersionState::kQuarantined:
      return "QUARANTINED";
  }
  return "UNKNOWN";
}

VersionActions DecideVersions(absl::Span<const VersionView> versions, const VersionPolicy& policy,
                              absl::Time now) {
  VersionActions actions;
  int64_t pinned = 0;
  int wanted = 0;
  int newer_ready = 0;
  for (auto it = versions.rbegin(); it != versions.rend(); ++it) {
    const VersionView& view = *it;
    const bool lingers = now - view.last_used < policy.version_linger;
    switch (view.state) {
      case VersionState::kReady:
        if (view.barred) {
          actions.unload.push_back(view.version);
          break;
        }
        if (view.pinned && view.on_disk) pinned = view.version;
        if (view.on_disk && actions.serving == 0) actions.serving = view.version;
        if ((!view.on_disk || (newer_ready >= policy.loaded_versions && !view.kept)) && !lingers) {
          actions.unload.push_back(view.version);
        }
        if (view.on_disk) {
          ++newer_ready;
          ++wanted;
        }
        break;
      case VersionState::kLoading:
        ++wanted;
        break;
      case VersionState::kUnloaded:
      case VersionState::kQuarantined:
        if (!view.on_disk) {
          actions.forget.push_back(view.version);
        } else if ((view.state == VersionState::kUnloaded || view.may_retry) && !view.barred &&
                   (view.kept || wanted < policy.loaded_versions)) {
          actions.load.push_back(view.version);
          ++wanted;
        }
        break;
    }
  }
  if (pinned != 0) actions.serving = pinned;
  std::reverse(actions.load.begin(), actions.load.end());
  return actions;
}

}  // namespace rollout
