// What the operator says of a model's versions, beside the policy: in the configuration at the
// start, by Admin while the server runs. What Admin says is forgotten at the next start.
#ifndef ROLLOUT_SERVER_REGISTRY_VERSION_OVERRIDES_H_
#define ROLLOUT_SERVER_REGISTRY_VERSION_OVERRIDES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/status.h"

namespace rollout {

// Of one model. A value; guarded by its registry's lock.
struct VersionOverrides {
  std::set<int64_t> only;  // where not empty, no other version is loaded unless told to
  std::set<int64_t> kept;  // loaded and stay so, however many newer ones come
  std::set<int64_t> barred;
  bool all_barred = false;  // the whole model is unloaded: nothing is loaded but what is kept
  int64_t pinned = 0;       // what a request without a version gets; 0 = the newest good one
  std::map<std::string, int64_t> labels;

  // Whether `version` is loaded and stays loaded on the operator's account.
  bool Keeps(int64_t version) const;
  // Whether `version` must not be loaded.
  bool Bars(int64_t version) const;
};

// By model.
using OverridesByModel = std::map<std::string, VersionOverrides>;

// "hopper:3,hopper:5,walker:1": of these models only these versions are loaded. INVALID_ARGUMENT
// naming the item and what is expected.
absl::Status ParseServedVersions(const std::string& text, OverridesByModel* overrides);

// "stable=hopper:3,canary=hopper:5": adds labels to `overrides`. A label is letters, digits, '.',
// '_' and '-', and no number. INVALID_ARGUMENT naming the item and what is expected.
absl::Status ParseLabels(const std::string& text, OverridesByModel* overrides);

// INVALID_ARGUMENT where `label` is no label.
absl::Status CheckLabel(const std::string& label);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_VERSION_OVERRIDES_H_
