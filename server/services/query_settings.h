// How a rollout request wants its lanes computed and scored.
#ifndef ROLLOUT_SERVER_SERVICES_QUERY_SETTINGS_H_
#define ROLLOUT_SERVER_SERVICES_QUERY_SETTINGS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "models/engines/rollout_job.h"
#include "models/transition_model.h"

namespace rollout {

// The numbers of a DiagonalCost, which only views them.
struct QueryCost {
  std::vector<float> state = {};
  std::vector<float> control = {};
  std::vector<float> control_change = {};
  std::vector<float> terminal = {};
  std::vector<float> last_control = {};
  std::vector<float> reference = {};
  std::vector<uint64_t> reference_shape = {};
  bool add_reward = false;

  // Of this object, which must outlive it.
  DiagonalCost View() const;
};

struct QuerySettings {
  int64_t hold = 1;
  double discount = 1.0;
  EnsembleUse ensemble = EnsembleUse::kAllMembers;
  uint64_t seed = 0;
  std::optional<QueryCost> cost;
};

// OK, or INVALID_ARGUMENT naming the field, what it got and what was expected. `horizon` is that of
// the request.
absl::Status CheckSettings(const TransitionModelSpec& spec, const QuerySettings& settings,
                           uint64_t horizon);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_QUERY_SETTINGS_H_
