#include "models/engines/fused/fused_model.h"

#include <algorithm>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace rollout::fused {
namespace {

// The part of a network tensor that belongs to one member; the leading axis is the ensemble's.
absl::StatusOr<std::vector<float>> MemberSlice(const TransitionModel& model,
                                               const std::string& name, int member, size_t size) {
  const NamedTensor* tensor = FindTensor(model, name);
  if (tensor == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("model ", model.spec.name, " has no tensor ", name));
  }
  const size_t expected = size * static_cast<size_t>(model.spec.ensemble_size);
  if (tensor->data.size() != expected) {
    return absl::InvalidArgumentError(absl::StrCat("tensor ", name, " of model ", model.spec.name,
                                                   " has ", tensor->data.size(), " numbers, not ",
                                                   expected));
  }
  const auto first = tensor->data.begin() + static_cast<ptrdiff_t>(member * size);
  return std::vector<float>(first, first + static_cast<ptrdiff_t>(size));
}

absl::StatusOr<Network> MakeNetwork(const TransitionModel& model, const std::string& name,
                                    int member, int inputs, int outputs) {
  std::vector<int> widths = {inputs};
  const std::vector<int>& hidden = model.spec.dynamics.hidden_sizes;
  widths.insert(widths.end(), hidden.begin(), hidden.end());
  widths.push_back(outputs);

  Network network;
  for (size_t i = 0; i + 1 < widths.size(); ++i) {
    DenseLayer layer;
    layer.inputs = widths[i];
    layer.outputs = widths[i + 1];
    const size_t rows = static_cast<size_t>(layer.outputs);
    auto weight = MemberSlice(model, absl::StrCat(name, ".", i, ".weight"), member,
                              rows * static_cast<size_t>(layer.inputs));
    if (!weight.ok()) return weight.status();
    auto bias = MemberSlice(model, absl::StrCat(name, ".", i, ".bias"), member, rows);
    if (!bias.ok()) return bias.status();
    layer.weight = *std::move(weight);
    layer.bias = *std::move(bias);
    network.push_back(std::move(layer));
  }
  return network;
}

absl::StatusOr<std::vector<float>> Normaliser(const TransitionModel& model, const std::string& name,
                                              int size) {
  const NamedTensor* tensor = FindTensor(model, name);
  if (tensor == nullptr || tensor->data.size() != static_cast<size_t>(size)) {
    return absl::InvalidArgumentError(absl::StrCat("model ", model.spec.name, " needs a tensor ",
                                                   name, " of ", size, " numbers"));
  }
  return tensor->data;
}

absl::Status CheckSupported(const TransitionModelSpec& spec) {
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
    case DynamicsKind::kNodeSo:
    case DynamicsKind::kHnn:
    case DynamicsKind::kMechanics:
      break;
    default:
      return absl::UnimplementedError(
          absl::StrCat("the fused CPU engine does not compute dynamics of kind ",
                       Name(spec.dynamics.kind), " (it takes NODE, NODE_SO, MECHANICS and HNN)"));
  }
  switch (spec.integrator.method) {
    case IntegratorMethod::kImplicitMidpoint:
    case IntegratorMethod::kDopri5:
      return absl::UnimplementedError(absl::StrCat("the fused CPU engine does not integrate with ",
                                                   Name(spec.integrator.method),
                                                   " (it takes explicit methods of fixed step)"));
    default:
      return absl::OkStatus();
  }
}

}  // namespace

absl::StatusOr<FusedModel> MakeFusedModel(const TransitionModel& model) {
  const TransitionModelSpec& spec = model.spec;
  if (absl::Status status = CheckSupported(spec); !status.ok()) return status;

  FusedModel fused;
  const int n = spec.num_positions;
  fused.num_positions = n;
  fused.num_controls = spec.num_controls;
  fused.num_features = spec.num_features();
  fused.angular_positions = spec.angular_positions;
  for (int i = 0; i < n; ++i) {
    const auto is_in = [i](const std::vector<int>& list) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    if (!is_in(spec.angular_positions) && !is_in(spec.ignored_positions)) {
      fused.plain_positions.push_back(i);
    }
  }
  fused.kind = spec.dynamics.kind;
  fused.activation = spec.dynamics.activation;
  fused.learned_mass = spec.dynamics.mass == MassKind::kLearned;
  fused.mass_epsilon = static_cast<float>(spec.dynamics.mass_epsilon);
  fused.method = spec.integrator.method;
  fused.substeps = spec.integrator.substeps;
  fused.step = static_cast<float>(spec.transition_dt / spec.integrator.substeps);

  const bool is_hnn = fused.kind == DynamicsKind::kHnn;
  const bool has_mlp = !is_hnn || spec.dynamics.has_force;
  const int mlp_outputs = fused.kind == DynamicsKind::kNode ? 2 * n : n;
  if (has_mlp) {
    const struct {
      const char* name;
      int size;
      std::vector<float>* values;
    } normalisers[] = {{"input.mean", fused.num_inputs(), &fused.input_mean},
                       {"input.std", fused.num_inputs(), &fused.input_std},
                       {"output.mean", mlp_outputs, &fused.output_mean},
                       {"output.std", mlp_outputs, &fused.output_std}};
    for (const auto& normaliser : normalisers) {
      auto values = Normaliser(model, normaliser.name, normaliser.size);
      if (!values.ok()) return values.status();
      *normaliser.values = *std::move(values);
    }
  }

  for (int member = 0; member < spec.ensemble_size; ++member) {
    const struct {
      bool present;
      const char* name;
      int inputs;
      int outputs;
      Network MemberNetworks::*network;
    } networks[] = {
        {has_mlp, is_hnn ? "force" : "mlp", fused.num_inputs(), mlp_outputs, &MemberNetworks::mlp},
        {is_hnn, "potential", fused.num_features, 1, &MemberNetworks::potential},
        {fused.learned_mass, "mass", fused.num_features, n * (n + 1) / 2, &MemberNetworks::mass}};
    MemberNetworks made;
    for (const auto& entry : networks) {
      if (!entry.present) continue;
      auto network = MakeNetwork(model, entry.name, member, entry.inputs, entry.outputs);
      if (!network.ok()) return network.status();
      made.*entry.network = *std::move(network);
    }
    fused.members.push_back(std::move(made));
  }
  return fused;
}

}  // namespace rollout::fused
