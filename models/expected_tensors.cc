// The tensors that a specification implies.
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/transition_model.h"

namespace rollout {
namespace {

void AppendLayer(const std::string& name, int64_t members, int64_t inputs, int64_t outputs,
                 std::vector<TensorShape>* tensors) {
  tensors->push_back({absl::StrCat(name, ".weight"), {members, outputs, inputs}});
  tensors->push_back({absl::StrCat(name, ".bias"), {members, outputs}});
}

// Three hidden layers of one width.
void AppendResidualNetwork(const std::string& name, int64_t inputs, int64_t width, int64_t outputs,
                           std::vector<TensorShape>* tensors) {
  constexpr int kLayers = 4;
  for (int i = 0; i < kLayers; ++i) {
    AppendLayer(absl::StrCat(name, ".", i), 1, i == 0 ? inputs : width,
                i == kLayers - 1 ? outputs : width, tensors);
  }
}

void AppendNetwork(const NetworkShape& network, const TransitionModelSpec& spec,
                   std::vector<TensorShape>* tensors) {
  const int64_t members = spec.ensemble_size;
  const std::vector<int>& hidden = spec.dynamics.hidden_sizes;
  for (size_t i = 0; i <= hidden.size(); ++i) {
    const int64_t in = i == 0 ? network.inputs : hidden[i - 1];
    const int64_t out = i == hidden.size() ? network.outputs : hidden[i];
    AppendLayer(absl::StrCat(network.name, ".", i), members, in, out, tensors);
  }
}

}  // namespace

bool HasNormalisers(const TransitionModelSpec& spec) {
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
    case DynamicsKind::kNodeSo:
    case DynamicsKind::kMechanics:
    case DynamicsKind::kNodeRecurrent:
      return true;
    case DynamicsKind::kHnn:
    case DynamicsKind::kHnnNonseparable:
      return spec.dynamics.has_force;
    case DynamicsKind::kHnnCanonical:
    case DynamicsKind::kPixelHnn:
      return false;
  }
  return false;
}

std::vector<NetworkShape> Networks(const TransitionModelSpec& spec) {
  const int n = spec.num_positions;
  const int features = spec.num_features();
  const int all = features + n + spec.num_controls;
  std::vector<NetworkShape> networks;
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
      networks.push_back({"mlp", all, 2 * n});
      break;
    case DynamicsKind::kNodeSo:
    case DynamicsKind::kMechanics:
      networks.push_back({"mlp", all, n});
      break;
    case DynamicsKind::kHnn:
      networks.push_back({"potential", features, 1});
      break;
    case DynamicsKind::kHnnNonseparable:
      networks.push_back({"hamiltonian", features + n, 1});
      break;
    case DynamicsKind::kHnnCanonical:
    case DynamicsKind::kPixelHnn:
      networks.push_back({"hamiltonian", 2 * n, 1});
      break;
    case DynamicsKind::kNodeRecurrent:
      networks.push_back({"mlp", all + spec.dynamics.memory_size, 2 * n});
      break;
  }
  if (spec.dynamics.mass == MassKind::kLearned) {
    networks.push_back({"mass", features, n * (n + 1) / 2});
  }
  if (spec.dynamics.has_force) networks.push_back({"force", all, n});
  return networks;
}

std::vector<TensorShape> ExpectedTensors(const TransitionModelSpec& spec) {
  std::vector<TensorShape> tensors;
  if (HasNormalisers(spec)) {
    const int64_t n = spec.num_positions;
    const int64_t inputs = spec.num_features() + n + spec.num_controls;
    const bool gives_both = spec.dynamics.kind == DynamicsKind::kNode ||
                            spec.dynamics.kind == DynamicsKind::kNodeRecurrent;
    const int64_t outputs = gives_both ? 2 * n : n;
    tensors = {{"input.mean", {inputs}},
               {"input.std", {inputs}},
               {"output.mean", {outputs}},
               {"output.std", {outputs}}};
  }
  for (const NetworkShape& network : Networks(spec)) AppendNetwork(network, spec, &tensors);
  if (spec.dynamics.kind == DynamicsKind::kNodeRecurrent) {
    const int64_t gates = 3 * static_cast<int64_t>(spec.dynamics.memory_size);
    const int64_t seen = spec.num_features() + spec.num_positions + spec.num_controls;
    AppendLayer("gru.input", spec.ensemble_size, seen, gates, &tensors);
    AppendLayer("gru.memory", spec.ensemble_size, spec.dynamics.memory_size, gates, &tensors);
  }
  if (spec.dynamics.kind == DynamicsKind::kPixelHnn) {
    const int64_t width = spec.dynamics.autoencoder_width;
    AppendResidualNetwork("encoder", 2 * kFrameNumbers, width, spec.state_size(), &tensors);
    AppendResidualNetwork("decoder", spec.state_size(), width, 2 * kFrameNumbers, &tensors);
  }
  return tensors;
}

}  // namespace rollout
