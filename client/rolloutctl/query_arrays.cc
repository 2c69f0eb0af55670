#include "client/rolloutctl/query_arrays.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "client/rolloutctl/array_file.h"
#include "client/rolloutctl/episode_file.h"
#include "client/rolloutctl/model_text.h"

namespace rollout {
namespace {

absl::Status FillFromEpisode(const QueryOptions& options, QueryArrays* arrays) {
  const absl::StatusOr<EpisodeFile> episode = ReadEpisode(options.episode);
  if (!episode.ok()) return episode.status();
  const int64_t left = episode->num_transitions() - options.start;
  const int64_t horizon = options.horizon > 0 ? options.horizon : left;
  if (options.start < 0 || horizon < 1 || horizon > left) {
    return absl::InvalidArgumentError(absl::StrCat("--start ", options.start, " with --horizon ",
                                                   horizon, ": ", options.episode, " has ",
                                                   episode->num_transitions(), " transitions"));
  }
  const int64_t state_size = episode->states.shape[1];
  const int64_t control_size = episode->controls.shape[1];
  const auto state =
      absl::MakeConstSpan(episode->states.values).subspan(options.start * state_size, state_size);
  const auto controls = absl::MakeConstSpan(episode->controls.values)
                            .subspan(options.start * control_size, horizon * control_size);
  arrays->states.assign(state.begin(), state.end());
  arrays->controls.assign(controls.begin(), controls.end());
  arrays->horizon = horizon;
  return absl::OkStatus();
}

// --state [2n] or [S, 2n].
absl::Status FillStates(const QueryOptions& options, QueryArrays* arrays) {
  const absl::StatusOr<Array> states = ReadArray("--state", options.state);
  if (!states.ok()) return states.status();
  if (states->shape.empty() || states->shape.size() > 2) {
    return absl::InvalidArgumentError(absl::StrCat("--state has shape ", FormatShape(states->shape),
                                                   ": expected [2n] or [lanes, 2n]"));
  }
  arrays->num_states = states->shape.size() == 2 ? states->shape[0] : 1;
  arrays->states.assign(states->values.begin(), states->values.end());
  return absl::OkStatus();
}

// What a server takes in one message unless its --max-message-bytes says otherwise, and what a
// Client sends.
constexpr double kLargestRequestBytes = 256 << 20;

// Before they are made: zeros over --horizon would make a request that no server takes.
absl::Status CheckSizeOfZeros(const QueryOptions& options, int num_controls, int64_t lanes) {
  const double bytes =
      4.0 * static_cast<double>(lanes) * static_cast<double>(options.horizon) * num_controls;
  if (bytes <= kLargestRequestBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrFormat(
      "--horizon %d: its controls are %.3g bytes, expected a request of at most %.0f; the server "
      "limits transitions, too (--max-horizon)",
      options.horizon, bytes, kLargestRequestBytes));
}

// --controls [T, nu] or [B, T, nu], or zeros over --horizon.
absl::Status FillControls(const QueryOptions& options, int num_controls, QueryArrays* arrays) {
  if (options.controls.empty()) {
    if (options.horizon < 1) {
      return absl::InvalidArgumentError(
          "give --controls FILE, or --horizon T for T transitions without control");
    }
    arrays->horizon = options.horizon;
    arrays->lanes = arrays->num_states;
    absl::Status status = CheckSizeOfZeros(options, num_controls, arrays->lanes);
    if (!status.ok()) return status;
    arrays->controls.assign(arrays->lanes * options.horizon * num_controls, 0.0f);
    return absl::OkStatus();
  }
  absl::StatusOr<Array> controls = ReadArray("--controls", options.controls);
  if (!controls.ok()) return controls.status();
  if (controls->shape.size() == 1) controls->shape.push_back(1);  // [T] is [T, 1]
  if (controls->shape.size() == 2) controls->shape.insert(controls->shape.begin(), 1);
  if (controls->shape.size() != 3 || controls->shape[2] != num_controls) {
    return absl::InvalidArgumentError(
        absl::StrCat("--controls has shape ", FormatShape(controls->shape), ": ", options.model,
                     " expects [T, ", num_controls, "] or [lanes, T, ", num_controls, "]"));
  }
  arrays->lanes = controls->shape[0];
  arrays->horizon = controls->shape[1] * options.hold;
  arrays->controls.assign(controls->values.begin(), controls->values.end());
  if (options.horizon > 0 && options.horizon != arrays->horizon) {
    return absl::InvalidArgumentError(absl::StrCat("--horizon ", options.horizon,
                                                   " contradicts --controls, which hold ",
                                                   arrays->horizon, " transitions"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<QueryArrays> ReadQuery(const QueryOptions& options, int num_controls) {
  QueryArrays arrays;
  absl::Status status;
  if (!options.episode.empty()) {
    status = FillFromEpisode(options, &arrays);
  } else {
    status = FillStates(options, &arrays);
    if (status.ok()) status = FillControls(options, num_controls, &arrays);
  }
  if (!status.ok()) return status;
  return arrays;
}

absl::StatusOr<v1::ModelSpec> FindSpec(const Client& client, const std::string& model) {
  const absl::StatusOr<v1::Model> found = client.GetModel(model);
  if (!found.ok()) return found.status();
  const v1::ModelVersion* described = DescribedVersion(*found);
  if (described == nullptr) {
    return absl::UnavailableError(absl::StrCat(
        "no version of ", model, " is loaded: rolloutctl models ", model, " says why"));
  }
  return described->spec();
}

void AddQueryOptions(CLI::App* command, QueryOptions* options) {
  command->add_option("model", options->model, "the model to ask")->required();
  command->add_option("--version", options->version, "a version (default: the one that serves)");
  command->add_option("--label", options->label, "stable, canary: instead of a version");
  CLI::Option* state = command->add_option(
      "--state", options->state, "initial state [2n] or [lanes, 2n]: 0,1.25,... or .npy or .json");
  CLI::Option* controls =
      command->add_option("--controls", options->controls,
                          "controls [T, nu] or [lanes, T, nu]: .npy, .json, or a JSON list");
  CLI::Option* episode =
      command->add_option("--episode", options->episode,
                          "take state and controls from an observed episode (.json or .npz)");
  command->add_option("--start", options->start, "step of the episode to start from")
      ->needs(episode)
      ->capture_default_str();
  command->add_option("--horizon", options->horizon,
                      "transitions: how much of the episode, or without --controls zero controls");
  command
      ->add_option("--hold", options->hold, "transitions for which each row of --controls is held")
      ->check(WholeNumberOfAtLeast(1))
      ->needs(controls)
      ->capture_default_str();
  command->add_flag("--no-clip", options->no_clip, "leave controls outside the model's bounds");
  episode->excludes(state)->excludes(controls);
}

void RequireState(const QueryOptions& options) {
  if (options.episode.empty() && options.state.empty()) {
    throw CLI::RequiredError("--state or --episode");
  }
}

}  // namespace rollout
