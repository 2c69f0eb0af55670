// rolloutctl rollout MODEL: what happens from this state under these controls.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/table.h"
#include "client/rolloutctl/array_file.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/episode_file.h"
#include "client/rolloutctl/model_text.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

constexpr int64_t kRowsOfATable = 20;
constexpr int64_t kLanesOfATable = 50;

struct RolloutCommandOptions {
  std::string model;
  uint64_t version = 0;
  std::string label;
  std::string state;
  std::string controls;
  std::string episode;
  int64_t start = 0;
  int64_t horizon = 0;
  int64_t stride = 0;
  int64_t hold = 1;
  double discount = 1.0;
  std::string ensemble = "all";
  uint64_t seed = 0;
  bool spread = false;
  bool no_clip = false;
  std::string out;
};

// The numbers of a query, which RolloutArguments only views.
struct QueryArrays {
  std::vector<float> states;
  int64_t num_states = 1;
  std::vector<float> controls;
  int64_t lanes = 1;
  int64_t horizon = 0;
};

absl::Status FillFromEpisode(const RolloutCommandOptions& options, QueryArrays* arrays) {
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
absl::Status FillStates(const RolloutCommandOptions& options, QueryArrays* arrays) {
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

// --controls [T, nu] or [B, T, nu], or zeros over --horizon.
absl::Status FillControls(const RolloutCommandOptions& options, int num_controls,
                          QueryArrays* arrays) {
  if (options.controls.empty()) {
    if (options.horizon < 1) {
      return absl::InvalidArgumentError(
          "give --controls FILE, or --horizon T for T transitions without control");
    }
    arrays->horizon = options.horizon;
    arrays->lanes = arrays->num_states;
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

nlohmann::json NestedJson(absl::Span<const float> values, absl::Span<const int64_t> shape) {
  if (shape.size() <= 1) return std::vector<float>(values.begin(), values.end());
  nlohmann::json list = nlohmann::json::array();
  const size_t row = shape[0] == 0 ? 0 : values.size() / shape[0];
  for (int64_t i = 0; i < shape[0]; ++i) {
    list.push_back(NestedJson(values.subspan(i * row, row), shape.subspan(1)));
  }
  return list;
}

void PrintJson(const RolloutResult& result, const v1::ModelSpec& spec,
               const RolloutArguments& query) {
  nlohmann::json json = {{"model", result.model()},
                         {"version", result.version()},
                         {"lanes", query.lanes},
                         {"horizon", query.horizon},
                         {"stride", query.outputs.stride},
                         {"transition_dt", spec.transition_dt()},
                         {"state_names", std::vector<std::string>(spec.state_names().begin(),
                                                                  spec.state_names().end())}};
  const auto add = [&](const char* name, const ArrayView<float>& array) {
    if (!array.empty()) json[name] = NestedJson(array.values, array.shape);
  };
  const auto add_steps = [&](const char* name, const ArrayView<int32_t>& array) {
    if (!array.empty()) {
      json[name] = std::vector<int32_t>(array.values.begin(), array.values.end());
    }
  };
  add("trajectory", result.trajectory());
  add("final_state", result.final_state());
  add("total_return", result.total_return());
  add_steps("terminated_step", result.terminated_step());
  add_steps("first_non_finite_step", result.first_non_finite_step());
  add_steps("first_outside_step", result.first_outside_step());
  add("trajectory_spread", result.trajectory_spread());
  add("final_state_spread", result.final_state_spread());
  add("return_spread", result.return_spread());
  std::puts(json.dump().c_str());
}

std::string StateName(const v1::ModelSpec& spec, int index) {
  if (index < spec.state_names_size()) return spec.state_names(index);
  const int n = static_cast<int>(spec.num_positions());
  return index < n ? absl::StrCat("q", index) : absl::StrCat("v", index - n);
}

std::string Number(double value) { return absl::StrFormat("%.4f", value); }

// What one lane came to, where there is something to say.
std::string Verdict(const RolloutResult& result, int64_t lane, int64_t horizon) {
  std::string text;
  if (!result.total_return().empty()) {
    absl::StrAppend(&text, "return ", Number(result.total_return().values[lane]));
    if (!result.return_spread().empty()) {
      absl::StrAppend(&text, " ± ", Number(result.return_spread().values[lane]));
    }
  }
  if (!result.terminated_step().empty() && result.terminated_step().values[lane] <= horizon) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "terminates at step ",
                    result.terminated_step().values[lane]);
  }
  if (!result.first_outside_step().empty() && result.first_outside_step().values[lane] <= horizon) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "leaves the range of the data at step ",
                    result.first_outside_step().values[lane]);
  }
  if (result.first_non_finite_step().values[lane] <= horizon) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "diverges: not finite from step ",
                    result.first_non_finite_step().values[lane]);
  }
  return text;
}

void PrintTrajectory(const RolloutResult& result, const v1::ModelSpec& spec,
                     const RolloutArguments& query) {
  const ArrayView<float>& trajectory = result.trajectory();
  const int64_t size = trajectory.shape[2];
  std::vector<std::string> header = {"step", "seconds"};
  for (int64_t d = 0; d < size; ++d) header.push_back(StateName(spec, static_cast<int>(d)));
  Table table(header);
  for (int64_t row = 0; row < trajectory.shape[1]; ++row) {
    const int64_t step = row * query.outputs.stride;
    std::vector<std::string> cells = {absl::StrCat(step),
                                      absl::StrFormat("%.3f", step * spec.transition_dt())};
    for (int64_t d = 0; d < size; ++d) cells.push_back(Number(trajectory.values[row * size + d]));
    table.AddRow(cells);
  }
  std::fputs(table.ToString().c_str(), stdout);
  const std::string verdict = Verdict(result, 0, query.horizon);
  if (!verdict.empty()) std::puts(verdict.c_str());
}

void PrintLanes(const RolloutResult& result, const v1::ModelSpec& spec,
                const RolloutArguments& query) {
  const ArrayView<float>& final_state = result.final_state();
  const int64_t size = final_state.shape[1];
  std::vector<std::string> header = {"lane"};
  for (int64_t d = 0; d < size; ++d) header.push_back(StateName(spec, static_cast<int>(d)));
  header.push_back("outcome");
  Table table(header);
  const int64_t shown = std::min(query.lanes, kLanesOfATable);
  for (int64_t lane = 0; lane < shown; ++lane) {
    std::vector<std::string> cells = {absl::StrCat(lane)};
    for (const float value : final_state.Row(lane)) cells.push_back(Number(value));
    cells.push_back(Verdict(result, lane, query.horizon));
    table.AddRow(cells);
  }
  std::printf("final states\n%s", table.ToString().c_str());
  if (shown < query.lanes) {
    std::printf("and %lld lanes more: --json or --out FILE.npy gives all\n",
                static_cast<long long>(query.lanes - shown));
  }
}

absl::Status WriteTrajectory(const RolloutResult& result, const std::string& path) {
  std::ofstream file(path, std::ios::binary);
  file << FormatNpy(result.trajectory().values, result.trajectory().shape);
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat("--out ", path, ": cannot write"));
  return absl::OkStatus();
}

absl::Status Run(const CommonOptions& common, const RolloutCommandOptions& options) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::Model> model = (*client)->GetModel(options.model);
  if (!model.ok()) return model.status();
  const v1::ModelVersion* described = DescribedVersion(*model);
  if (described == nullptr) {
    return absl::UnavailableError(absl::StrCat("no version of ", options.model,
                                               " is loaded: rolloutctl models ", options.model,
                                               " says why"));
  }
  const v1::ModelSpec& spec = described->spec();

  QueryArrays arrays;
  absl::Status status;
  if (!options.episode.empty()) {
    status = FillFromEpisode(options, &arrays);
  } else {
    status = FillStates(options, &arrays);
    if (status.ok()) status = FillControls(options, spec.num_controls(), &arrays);
  }
  if (!status.ok()) return status;

  const bool one_lane = arrays.lanes == 1;
  RolloutArguments query;
  query.model = options.model;
  query.version = options.version;
  query.label = options.label;
  query.lanes = arrays.lanes;
  query.horizon = arrays.horizon;
  query.num_initial_states = arrays.num_states;
  query.initial_states = arrays.states;
  query.controls = arrays.controls;
  query.hold = options.controls.empty() ? 1 : options.hold;
  query.discount = options.discount;
  query.ensemble = options.ensemble == "ts1"     ? RolloutEnsemble::kTs1
                   : options.ensemble == "tsinf" ? RolloutEnsemble::kTsInf
                                                 : RolloutEnsemble::kAllMembers;
  query.seed = options.seed;
  query.outputs.spread = options.spread;
  query.outputs.first_outside_step = spec.data_low_size() > 0;
  query.clip_controls = !options.no_clip;
  const bool for_programs = common.json || !options.out.empty();
  query.outputs.trajectory = one_lane || for_programs;
  query.outputs.stride = static_cast<uint32_t>(
      options.stride > 0 ? options.stride
      : for_programs     ? 1
                     : std::max<int64_t>(1, (arrays.horizon + kRowsOfATable - 1) / kRowsOfATable));
  query.outputs.final_state = !one_lane;
  query.outputs.total_return = !spec.reward().empty();
  query.outputs.terminated_step = !spec.termination().empty();
  query.outputs.first_non_finite_step = true;
  const absl::StatusOr<RolloutResult> result = (*client)->Rollout(query);
  if (!result.ok()) return result.status();

  if (!options.out.empty()) {
    if (status = WriteTrajectory(*result, options.out); !status.ok()) return status;
  }
  if (common.json) {
    PrintJson(*result, spec, query);
    return absl::OkStatus();
  }
  std::printf("%s version %llu: %lld lane%s of %lld transitions of %g s = %g s\n",
              result->model().c_str(), static_cast<unsigned long long>(result->version()),
              static_cast<long long>(query.lanes), one_lane ? "" : "s",
              static_cast<long long>(query.horizon), spec.transition_dt(),
              query.horizon * spec.transition_dt());
  if (one_lane) {
    PrintTrajectory(*result, spec, query);
  } else {
    PrintLanes(*result, spec, query);
  }
  return absl::OkStatus();
}

}  // namespace

void AddRolloutCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("rollout", "predict what happens from a state under controls");
  auto options = std::make_shared<RolloutCommandOptions>();
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
  command->add_option("--stride", options->stride, "show every k-th state (default: about 20)")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--hold", options->hold, "transitions for which each row of --controls is held")
      ->check(CLI::PositiveNumber)
      ->needs(controls)
      ->capture_default_str();
  command->add_option("--discount", options->discount, "of the return")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--ensemble", options->ensemble,
                   "members of an ensemble: all roll out, or each lane follows one, drawn for\n"
                   "each transition (ts1) or once (tsinf)")
      ->check(CLI::IsMember({"all", "ts1", "tsinf"}))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of --ensemble ts1 and tsinf")
      ->capture_default_str();
  command->add_flag("--spread", options->spread, "also the spread over an ensemble's members");
  command->add_flag("--no-clip", options->no_clip, "leave controls outside the model's bounds");
  command->add_option("--out", options->out, "also write the trajectory to this .npy file");
  episode->excludes(state)->excludes(controls);
  command->callback([=] {
    if (options->episode.empty() && options->state.empty()) {
      throw CLI::RequiredError("--state or --episode");
    }
    *exit_status = ExitStatus(Run(*common, *options));
  });
}

}  // namespace rollout
