// What the versions of one model must have in common, so that a caller's request fits all of them.
#ifndef ROLLOUT_SERVER_REGISTRY_VERSION_AGREEMENT_H_
#define ROLLOUT_SERVER_REGISTRY_VERSION_AGREEMENT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "models/transition_model.h"

namespace rollout {

// FAILED_PRECONDITION naming the field and both values where `candidate` differs from version
// `version` of the same model in num_positions, num_controls, transition_dt, angular_positions,
// ignored_positions, or in names where both give them.
absl::Status CheckAgreement(const TransitionModelSpec& loaded, int64_t version,
                            const TransitionModelSpec& candidate);

// What may change between versions but should be noticed: "control_low: [-1] -> [-2]" for bounds,
// reward and termination.
std::vector<std::string> NotableChanges(const TransitionModelSpec& before,
                                        const TransitionModelSpec& after);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_REGISTRY_VERSION_AGREEMENT_H_
