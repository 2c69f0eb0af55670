// rolloutctl rollout MODEL: what happens from this state under these controls.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "base/table.h"
#include "client/rolloutctl/array_file.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/cost_file.h"
#include "client/rolloutctl/query_arrays.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

constexpr int64_t kRowsOfATable = 20;
constexpr int64_t kLanesOfATable = 50;

struct RolloutCommandOptions {
  QueryOptions query;
  int64_t stride = 0;
  double discount = 1.0;
  std::string cost;
  std::string ensemble = "all";
  uint64_t seed = 0;
  bool spread = false;
  std::string out;
};

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
  const QueryOptions& asked = options.query;
  const absl::StatusOr<v1::ModelSpec> found = FindSpec(**client, asked.model);
  if (!found.ok()) return found.status();
  const v1::ModelSpec& spec = *found;
  const absl::StatusOr<QueryArrays> read = ReadQuery(asked, static_cast<int>(spec.num_controls()));
  if (!read.ok()) return read.status();
  const QueryArrays& arrays = *read;
  CostNumbers cost_numbers;
  RolloutCost cost;
  if (!options.cost.empty()) {
    auto numbers = ReadCost(options.cost);
    if (!numbers.ok()) return numbers.status();
    cost_numbers = *std::move(numbers);
    cost = cost_numbers.View();
  }

  const bool one_lane = arrays.lanes == 1;
  RolloutArguments query;
  query.model = asked.model;
  query.version = asked.version;
  query.label = asked.label;
  query.lanes = arrays.lanes;
  query.horizon = arrays.horizon;
  query.num_initial_states = arrays.num_states;
  query.initial_states = arrays.states;
  query.controls = arrays.controls;
  query.hold = asked.controls.empty() ? 1 : asked.hold;
  if (!options.cost.empty()) query.cost = &cost;
  query.discount = options.discount;
  query.ensemble = options.ensemble == "ts1"     ? RolloutEnsemble::kTs1
                   : options.ensemble == "tsinf" ? RolloutEnsemble::kTsInf
                                                 : RolloutEnsemble::kAllMembers;
  query.seed = options.seed;
  query.outputs.spread = options.spread;
  query.outputs.first_outside_step = spec.data_low_size() > 0;
  query.clip_controls = !asked.no_clip;
  const bool for_programs = common.json || !options.out.empty();
  query.outputs.trajectory = one_lane || for_programs;
  query.outputs.stride = static_cast<uint32_t>(
      options.stride > 0 ? options.stride
      : for_programs     ? 1
                     : std::max<int64_t>(1, (arrays.horizon + kRowsOfATable - 1) / kRowsOfATable));
  query.outputs.final_state = !one_lane;
  query.outputs.total_return = !spec.reward().empty() || !options.cost.empty();
  query.outputs.terminated_step = !spec.termination().empty();
  query.outputs.first_non_finite_step = true;
  const absl::StatusOr<RolloutResult> result = (*client)->Rollout(query);
  if (!result.ok()) return result.status();

  if (!options.out.empty()) {
    const absl::Status written = WriteTrajectory(*result, options.out);
    if (!written.ok()) return written;
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
  AddQueryOptions(command, &options->query);
  command->add_option("--stride", options->stride, "show every k-th state (default: about 20)")
      ->check(WholeNumberOfAtLeast(1));
  command->add_option("--discount", options->discount, "of the return")
      ->check(NumberAboveUpTo(0, 1))
      ->capture_default_str();
  command->add_option("--cost", options->cost, CostHelp());
  command
      ->add_option("--ensemble", options->ensemble,
                   "members of an ensemble: all roll out, or each lane follows one, drawn for\n"
                   "each transition (ts1) or once (tsinf)")
      ->check(CLI::IsMember({"all", "ts1", "tsinf"}))
      ->capture_default_str();
  command->add_option("--seed", options->seed, "of --ensemble ts1 and tsinf")
      ->capture_default_str();
  command->add_flag("--spread", options->spread, "also the spread over an ensemble's members");
  command->add_option("--out", options->out, "also write the trajectory to this .npy file");
  command->callback([=] {
    RequireState(options->query);
    *exit_status = ExitStatus(Run(*common, *options));
  });
}

}  // namespace rollout
