// Models and versions as rolloutctl prints them: tables for people, JSON for programs.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_MODEL_TEXT_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_MODEL_TEXT_H_

#include <string>
#include <vector>

#include "nlohmann/json.hpp"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// {"name", "serving_version", "versions": [{"version", "state", "reason", ..., "spec", "errors"}]};
// "spec" is ModelSpec in protobuf's JSON mapping, as in model.json.
nlohmann::json ModelJson(const v1::Model& model);

// One line a version: name, version, state, engine, when published, errors, and why not.
std::string ModelsTable(const std::vector<v1::Model>& models, bool colours);

// The prediction error of every version that has one at each horizon, and how many windows at the
// shortest; empty where none has.
std::string HorizonErrorsTable(const std::vector<v1::Model>& models);

// What one model is, its versions and their prediction errors per horizon.
std::string ModelPage(const v1::Model& model, bool colours);

// The version that serves, else the newest one that says what it is; nullptr where none does.
const v1::ModelVersion* DescribedVersion(const v1::Model& model);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_MODEL_TEXT_H_
