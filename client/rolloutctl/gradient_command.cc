// rolloutctl gradient MODEL: how a return or a state changes with controls and initial state.
#include <algorithm>
#include <cmath>
#include <cstdio>
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
#include "client/tensor.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

constexpr int64_t kLanesOfATable = 50;

struct GradientOptions {
  QueryOptions query;
  std::string cost;
  double discount = 1.0;
  std::string trajectory_cotangents;
  std::string final_state_cotangents;
};

// `text` with as many axes as `axes`, ones in front where it has fewer.
absl::Status FillCotangents(const std::string& option, const std::string& text, size_t axes,
                            v1::Tensor* tensor) {
  absl::StatusOr<Array> array = ReadArray(option, text);
  if (!array.ok()) return array.status();
  while (array->shape.size() < axes) array->shape.insert(array->shape.begin(), 1);
  const std::vector<float> values(array->values.begin(), array->values.end());
  FillTensor(values, array->shape, tensor);
  return absl::OkStatus();
}

// What is differentiated: cotangents where they are given, else the return.
absl::Status FillObjective(const GradientOptions& options, v1::GradientRequest* request) {
  if (!options.trajectory_cotangents.empty()) {
    return FillCotangents("--trajectory-cotangents", options.trajectory_cotangents, 3,
                          request->mutable_trajectory_cotangents());
  }
  if (!options.final_state_cotangents.empty()) {
    return FillCotangents("--final-state-cotangents", options.final_state_cotangents, 2,
                          request->mutable_final_state_cotangents());
  }
  request->set_of_return(true);
  request->set_discount(options.discount);
  if (options.cost.empty()) return absl::OkStatus();
  const auto cost = ReadCost(options.cost);
  if (!cost.ok()) return cost.status();
  return FillCost(cost->View(), request->mutable_cost());
}

// The arrays of a reply, which must outlive them.
struct Gradients {
  ArrayView<float> controls, initial_states, total_return, final_state;
  ArrayView<int32_t> first_non_finite_step;
};

absl::StatusOr<Gradients> View(const v1::GradientReply& reply) {
  const auto controls = FloatView(reply.controls(), "controls");
  const auto initial_states = FloatView(reply.initial_states(), "initial_states");
  const auto total_return = FloatView(reply.total_return(), "total_return");
  const auto final_state = FloatView(reply.final_state(), "final_state");
  const auto steps = IntView(reply.first_non_finite_step(), "first_non_finite_step");
  for (const absl::Status& status : {controls.status(), initial_states.status(),
                                     total_return.status(), final_state.status(), steps.status()}) {
    if (!status.ok()) return status;
  }
  return Gradients{*controls, *initial_states, *total_return, *final_state, *steps};
}

void PrintJson(const v1::GradientReply& reply, const Gradients& gradients, int64_t horizon) {
  nlohmann::json json = {{"model", reply.model()},
                         {"version", reply.version()},
                         {"lanes", gradients.controls.shape[0]},
                         {"horizon", horizon}};
  const auto add = [&](const char* name, const ArrayView<float>& array) {
    if (!array.empty()) json[name] = NestedJson(array.values, array.shape);
  };
  add("controls_gradient", gradients.controls);
  add("initial_state_gradient", gradients.initial_states);
  add("total_return", gradients.total_return);
  add("final_state", gradients.final_state);
  json["first_non_finite_step"] = std::vector<int32_t>(
      gradients.first_non_finite_step.values.begin(), gradients.first_non_finite_step.values.end());
  std::puts(json.dump().c_str());
}

std::string Number(double value) { return absl::StrFormat("%.5g", value); }

std::string Norm(absl::Span<const float> values) {
  double squares = 0.0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  return Number(std::sqrt(squares));
}

void PrintOneLane(const Gradients& gradients, const v1::ModelSpec& spec, int64_t hold) {
  const int64_t nu = gradients.controls.shape[2];
  std::vector<std::string> header = {"step"};
  for (int64_t k = 0; k < nu; ++k) {
    header.push_back(k < spec.control_names_size() ? spec.control_names(static_cast<int>(k))
                                                   : absl::StrCat("u", k));
  }
  Table table(header);
  for (int64_t row = 0; row < gradients.controls.shape[1]; ++row) {
    std::vector<std::string> cells = {absl::StrCat(row * hold)};
    for (int64_t k = 0; k < nu; ++k) {
      cells.push_back(Number(gradients.controls.values[row * nu + k]));
    }
    table.AddRow(cells);
  }
  if (!gradients.total_return.empty()) {
    std::printf("return %s\n", Number(gradients.total_return.values[0]).c_str());
  }
  std::printf("with respect to the controls\n%swith respect to the initial state\n ",
              table.ToString().c_str());
  for (const float value : gradients.initial_states.values) {
    std::printf(" %s", Number(value).c_str());
  }
  std::puts("");
}

void PrintLanes(const Gradients& gradients, int64_t horizon) {
  Table table({"lane", "return", "norm of the controls' gradient", "finite"});
  const int64_t lanes = gradients.controls.shape[0];
  for (int64_t lane = 0; lane < std::min(lanes, kLanesOfATable); ++lane) {
    const int32_t step = gradients.first_non_finite_step.values[lane];
    table.AddRow(
        {absl::StrCat(lane),
         gradients.total_return.empty() ? "-" : Number(gradients.total_return.values[lane]),
         Norm(gradients.controls.Row(lane)),
         step > horizon ? "yes" : absl::StrCat("not from step ", step)});
  }
  std::fputs(table.ToString().c_str(), stdout);
  if (lanes > kLanesOfATable) {
    std::printf("and %lld lanes more: --json gives all\n",
                static_cast<long long>(lanes - kLanesOfATable));
  }
}

absl::Status Run(const CommonOptions& common, const GradientOptions& options) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const QueryOptions& asked = options.query;
  const auto spec = FindSpec(**client, asked.model);
  if (!spec.ok()) return spec.status();
  const auto arrays = ReadQuery(asked, static_cast<int>(spec->num_controls()));
  if (!arrays.ok()) return arrays.status();
  v1::GradientRequest request;
  request.set_model(asked.model);
  request.set_version(asked.version);
  request.set_label(asked.label);
  request.set_clip_controls(!asked.no_clip);
  const int64_t state_size = static_cast<int64_t>(arrays->states.size()) / arrays->num_states;
  FillTensor(arrays->states, {arrays->num_states, state_size}, request.mutable_initial_states());
  FillTensor(
      arrays->controls,
      {arrays->lanes, arrays->horizon / asked.hold, static_cast<int64_t>(spec->num_controls())},
      request.mutable_controls());
  request.set_hold(static_cast<uint32_t>(asked.hold));
  if (absl::Status s = FillObjective(options, &request); !s.ok()) return s;
  const auto reply = (*client)->Gradient(request);
  if (!reply.ok()) return reply.status();
  const auto gradients = View(*reply);
  if (!gradients.ok()) return gradients.status();
  if (common.json) {
    PrintJson(*reply, *gradients, arrays->horizon);
  } else if (arrays->lanes == 1) {
    PrintOneLane(*gradients, *spec, asked.hold);
  } else {
    PrintLanes(*gradients, arrays->horizon);
  }
  return absl::OkStatus();
}

}  // namespace

void AddGradientCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command = app.add_subcommand(
      "gradient", "differentiate the return, or states, by controls and initial state");
  auto options = std::make_shared<GradientOptions>();
  AddQueryOptions(command, &options->query);
  CLI::Option* cost = command->add_option("--cost", options->cost, CostHelp());
  CLI::Option* discount = command->add_option("--discount", options->discount, "of the return")
                              ->check(NumberAboveUpTo(0, 1))
                              ->capture_default_str();
  CLI::Option* trajectory = command->add_option(
      "--trajectory-cotangents", options->trajectory_cotangents,
      "instead of the return: weights of all states, [T + 1, 2n] or [lanes, T + 1, 2n]");
  command
      ->add_option("--final-state-cotangents", options->final_state_cotangents,
                   "instead of the return: weights of the final state, [2n] or [lanes, 2n]")
      ->excludes(trajectory)
      ->excludes(cost)
      ->excludes(discount);
  trajectory->excludes(cost)->excludes(discount);
  command->callback([=] {
    RequireState(options->query);
    *exit_status = ExitStatus(Run(*common, *options));
  });
}

}  // namespace rollout
