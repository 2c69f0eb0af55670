// What the gates said of each version, as rolloutctl prints it.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_GATE_TEXT_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_GATE_TEXT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// [{"gate", "result", "detail"}].
nlohmann::json GatesJson(const v1::ModelVersion& version);

// A row for each gate, a column for each version that was loaded or refused, then what the newest
// of them was told. Empty where none was.
std::string GatesTable(const v1::Model& model);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_GATE_TEXT_H_
