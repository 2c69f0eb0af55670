// Prediction errors per dimension, and a version against the stable one, as rolloutctl prints them.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_ERROR_TEXT_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_ERROR_TEXT_H_

#include <string>

#include "nlohmann/json.hpp"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// For each loaded version that has errors, a row for each dimension and a column for each horizon.
// Empty where the reply has none (GetModelRequest::dimension_errors).
std::string DimensionErrorsTables(const v1::Model& model);

// Each version beside the stable one on the windows that both predicted. Empty where there is none.
std::string ComparisonTable(const v1::Model& model);

// {"with_version", "horizons": [{"horizon", "windows", "normalised_rmse", ...}]}, or null.
nlohmann::json ComparisonJson(const v1::ModelVersion& version);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_ERROR_TEXT_H_
