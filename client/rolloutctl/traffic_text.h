// What a server did between two looks at its metrics.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_TRAFFIC_TEXT_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_TRAFFIC_TEXT_H_

#include <optional>
#include <string>

#include "client/rolloutctl/metrics_page.h"
#include "nlohmann/json.hpp"

namespace rollout {

// For people: the phases of each version that answered rollouts, each method's calls, and totals.
std::string TrafficText(const std::optional<Traffic>& before, const Traffic& now);

// The same for programs; latencies without calls are null.
nlohmann::json TrafficJson(const Traffic& before, const Traffic& now);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_TRAFFIC_TEXT_H_
