// rolloutctl linearize MODEL: the model as a linear system along one rollout.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/table.h"
#include "client/rolloutctl/array_file.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/query_arrays.h"
#include "client/tensor.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

struct LinearizeOptions {
  QueryOptions query;
  int64_t step = 0;
};

// The arrays of a reply, which must outlive them.
struct Linearization {
  ArrayView<float> trajectory, by_state, by_control;
};

absl::StatusOr<Linearization> View(const v1::LinearizeReply& reply) {
  const auto trajectory = FloatView(reply.trajectory(), "trajectory");
  const auto by_state = FloatView(reply.state_jacobians(), "state_jacobians");
  const auto by_control = FloatView(reply.control_jacobians(), "control_jacobians");
  for (const absl::Status& status : {trajectory.status(), by_state.status(), by_control.status()}) {
    if (!status.ok()) return status;
  }
  return Linearization{*trajectory, *by_state, *by_control};
}

void PrintJson(const v1::LinearizeReply& reply, const Linearization& along) {
  const nlohmann::json json = {
      {"model", reply.model()},
      {"version", reply.version()},
      {"horizon", along.by_state.shape[0]},
      {"trajectory", NestedJson(along.trajectory.values, along.trajectory.shape)},
      {"state_jacobians", NestedJson(along.by_state.values, along.by_state.shape)},
      {"control_jacobians", NestedJson(along.by_control.values, along.by_control.shape)}};
  std::puts(json.dump().c_str());
}

// One Jacobian, a line for each number of the next state.
std::string Matrix(absl::Span<const float> values, int64_t rows, int64_t columns,
                   const std::string& letter) {
  std::vector<std::string> header = {""};
  for (int64_t column = 0; column < columns; ++column) {
    header.push_back(absl::StrCat("d", letter, column));
  }
  Table table(header);
  for (int64_t row = 0; row < rows; ++row) {
    std::vector<std::string> cells = {absl::StrCat("z", row)};
    for (int64_t column = 0; column < columns; ++column) {
      cells.push_back(absl::StrFormat("%.5g", values[row * columns + column]));
    }
    table.AddRow(cells);
  }
  return table.ToString();
}

absl::Status Run(const CommonOptions& common, const LinearizeOptions& options) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const QueryOptions& asked = options.query;
  const auto spec = FindSpec(**client, asked.model);
  if (!spec.ok()) return spec.status();
  const int64_t nu = static_cast<int64_t>(spec->num_controls());
  const auto arrays = ReadQuery(asked, static_cast<int>(nu));
  if (!arrays.ok()) return arrays.status();
  if (arrays->lanes != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("--controls holds ", arrays->lanes, " lanes, expected one"));
  }
  if (options.step < 0 || options.step >= arrays->horizon) {
    return absl::InvalidArgumentError(
        absl::StrCat("--step ", options.step, ", expected 0 to ", arrays->horizon - 1));
  }
  v1::LinearizeRequest request;
  request.set_model(asked.model);
  request.set_version(asked.version);
  request.set_label(asked.label);
  request.set_clip_controls(!asked.no_clip);
  FillTensor(arrays->states,
             {arrays->num_states, static_cast<int64_t>(arrays->states.size()) / arrays->num_states},
             request.mutable_initial_state());
  FillTensor(arrays->controls, {arrays->horizon / asked.hold, nu}, request.mutable_controls());
  request.set_hold(static_cast<uint32_t>(asked.hold));
  const auto reply = (*client)->Linearize(request);
  if (!reply.ok()) return reply.status();
  const auto along = View(*reply);
  if (!along.ok()) return along.status();
  if (common.json) {
    PrintJson(*reply, *along);
    return absl::OkStatus();
  }
  const int64_t size = along->by_state.shape[1];
  std::printf("%s version %llu at step %lld of %lld: z(t + 1) changes by A dz + B du\nA\n%sB\n%s",
              reply->model().c_str(), static_cast<unsigned long long>(reply->version()),
              static_cast<long long>(options.step), static_cast<long long>(arrays->horizon),
              Matrix(along->by_state.Row(options.step), size, size, "z").c_str(),
              Matrix(along->by_control.Row(options.step), size, nu, "u").c_str());
  return absl::OkStatus();
}

}  // namespace

void AddLinearizeCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("linearize", "the Jacobians of each transition along one rollout");
  auto options = std::make_shared<LinearizeOptions>();
  AddQueryOptions(command, &options->query);
  command->add_option("--step", options->step, "which one to show; --json gives all")
      ->capture_default_str();
  command->callback([=] {
    RequireState(options->query);
    *exit_status = ExitStatus(Run(*common, *options));
  });
}

}  // namespace rollout
