#include "trainer/sac/training_state.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "models/checkpoint/safetensors.h"

namespace rollout {
namespace {

constexpr char kSettingPrefix[] = "setting.";

// Calls visit(name, array) for each float array of the state: the one list that both directions
// follow.
template <typename State, typename Visit>
void VisitArrays(State& state, Visit visit) {
  visit("actor", state.learner.parameters.actor);
  visit("actor.first_moment", state.learner.actor_moments.first);
  visit("actor.second_moment", state.learner.actor_moments.second);
  visit("critics", state.learner.parameters.critics);
  visit("critics.first_moment", state.learner.critic_moments.first);
  visit("critics.second_moment", state.learner.critic_moments.second);
  visit("target_critics", state.learner.parameters.target_critics);
  visit("log_temperature.first_moment", state.learner.temperature_moments.first);
  visit("log_temperature.second_moment", state.learner.temperature_moments.second);
  visit("replay_rows", state.replay_rows);
}

// The same for whole numbers, which go into the metadata as text.
template <typename State, typename Visit>
void VisitCounters(State& state, Visit visit) {
  visit("updates", state.learner.updates);
  visit("replay_next_row", state.replay_next_row);
  visit("step", state.step);
  visit("episode", state.episode);
}

template <typename State, typename Visit>
void VisitRandomStates(State& state, Visit visit) {
  visit("learner_random", state.learner.random_state);
  visit("exploration_random", state.exploration_random);
  visit("replay_random", state.replay_random);
}

bool ParseRandomState(const std::string& text, std::array<uint64_t, 4>* state) {
  const std::vector<std::string> words = absl::StrSplit(text, ' ');
  if (words.size() != state->size()) return false;
  for (size_t i = 0; i < words.size(); ++i) {
    if (!absl::SimpleAtoi(words[i], &(*state)[i])) return false;
  }
  return true;
}

}  // namespace

absl::Status WriteTrainingState(const std::string& path, const SacTrainingState& state) {
  std::vector<NamedTensor> tensors;
  VisitArrays(state, [&](const char* name, const std::vector<float>& array) {
    tensors.push_back({name, {static_cast<int64_t>(array.size())}, array});
  });
  tensors.push_back({"log_temperature", {1}, {state.learner.parameters.log_temperature}});

  std::map<std::string, std::string> metadata;
  VisitCounters(state,
                [&](const char* name, const auto& value) { metadata[name] = absl::StrCat(value); });
  VisitRandomStates(state, [&](const char* name, const std::array<uint64_t, 4>& words) {
    metadata[name] = absl::StrJoin(words, " ");
  });
  metadata["wall_seconds"] = absl::StrFormat("%.3f", state.wall_seconds);
  for (const auto& [name, value] : state.settings) {
    metadata[absl::StrCat(kSettingPrefix, name)] = value;
  }
  return WriteSafetensorsFile(path, tensors, metadata);
}

absl::StatusOr<SacTrainingState> ReadTrainingState(const std::string& path) {
  absl::StatusOr<Safetensors> file = ReadSafetensorsFile(path);
  if (!file.ok()) return file.status();
  std::map<std::string, std::vector<float>> arrays;
  for (NamedTensor& tensor : file->tensors) arrays[tensor.name] = std::move(tensor.data);

  SacTrainingState state;
  std::string missing;
  VisitArrays(state, [&](const char* name, std::vector<float>& array) {
    const auto found = arrays.find(name);
    if (found == arrays.end()) {
      missing = name;
    } else {
      array = std::move(found->second);
    }
  });
  if (arrays["log_temperature"].size() == 1) {
    state.learner.parameters.log_temperature = arrays["log_temperature"][0];
  } else {
    missing = "log_temperature";
  }
  VisitCounters(state, [&](const char* name, auto& value) {
    if (!absl::SimpleAtoi(file->metadata[name], &value)) missing = name;
  });
  VisitRandomStates(state, [&](const char* name, std::array<uint64_t, 4>& words) {
    if (!ParseRandomState(file->metadata[name], &words)) missing = name;
  });
  if (!absl::SimpleAtod(file->metadata["wall_seconds"], &state.wall_seconds)) {
    missing = "wall_seconds";
  }
  if (!missing.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": \"", missing,
                                                   "\" is missing or unreadable; this is no saved "
                                                   "training of soft actor-critic"));
  }
  for (const auto& [name, value] : file->metadata) {
    if (absl::StartsWith(name, kSettingPrefix)) {
      state.settings[std::string(absl::StripPrefix(name, kSettingPrefix))] = value;
    }
  }
  return state;
}

}  // namespace rollout
