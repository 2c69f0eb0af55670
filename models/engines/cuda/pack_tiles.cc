#include "models/engines/cuda/pack_tiles.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/str_cat.h"

namespace rollout::cuda {
namespace {

using fused::DenseLayer;
using fused::FusedModel;
using fused::Network;

constexpr int kMaxWidth = 512;

// From one input's outputs to the next one's. Eight neighbouring threads read four outputs each of
// eight neighbouring inputs: at an odd multiple of four these lie in 32 different banks of shared
// memory.
int Stride(int outputs) { return PadOutputs(outputs) + 4; }

// Collects the numbers of one member; every array begins at a multiple of four.
class Packer {
 public:
  int32_t Add(const std::vector<float>& values, int padded) {
    const int32_t offset = static_cast<int32_t>(numbers_.size());
    numbers_.insert(numbers_.end(), values.begin(), values.end());
    numbers_.resize(static_cast<size_t>(offset) + (static_cast<size_t>(padded) + 3) / 4 * 4, 0.0f);
    return offset;
  }

  // weights[k][o] = weight of output o for input k.
  template <class Weight>
  void AddLayer(int inputs, int outputs, Weight weight, TileLayer* layer) {
    layer->inputs = inputs;
    layer->outputs = outputs;
    layer->stride = Stride(outputs);
    layer->shared = -1;
    layer->weights = static_cast<int32_t>(numbers_.size());
    numbers_.resize(numbers_.size() + static_cast<size_t>(inputs) * layer->stride, 0.0f);
    for (int k = 0; k < inputs; ++k) {
      for (int o = 0; o < outputs; ++o) {
        numbers_[static_cast<size_t>(layer->weights) + static_cast<size_t>(k) * layer->stride + o] =
            weight(k, o);
      }
    }
  }

  int32_t size() const { return static_cast<int32_t>(numbers_.size()); }
  const std::vector<float>& numbers() const { return numbers_; }

 private:
  std::vector<float> numbers_;
};

void AddBiases(const Network& network, TileNetwork* tiles, Packer* packer) {
  tiles->layers = static_cast<int32_t>(network.size());
  for (size_t i = 0; i < network.size(); ++i) {
    tiles->layer[i].bias = packer->Add(network[i].bias, PadOutputs(network[i].outputs));
  }
}

void AddForward(const Network& network, TileNetwork* tiles, Packer* packer) {
  for (size_t i = 0; i < network.size(); ++i) {
    const DenseLayer& layer = network[i];
    packer->AddLayer(
        layer.inputs, layer.outputs,
        [&](int k, int o) { return layer.weight[static_cast<size_t>(o) * layer.inputs + k]; },
        &tiles->layer[i]);
  }
}

// The first `layers` layers, transposed.
void AddBackward(const Network& network, size_t layers, TileNetwork* tiles, Packer* packer) {
  tiles->layers = static_cast<int32_t>(layers);
  for (size_t i = 0; i < layers; ++i) {
    const DenseLayer& layer = network[i];
    packer->AddLayer(
        layer.outputs, layer.inputs,
        [&](int k, int o) { return layer.weight[static_cast<size_t>(k) * layer.inputs + o]; },
        &tiles->layer[i]);
    tiles->layer[i].bias = -1;
  }
}

void SetFeatures(const TransitionModelSpec& spec, TileModel* model) {
  const int angles = static_cast<int>(spec.angular_positions.size());
  int next_angle = 0;
  int next_plain = 2 * angles;
  for (int i = 0; i < spec.num_positions; ++i) {
    const auto is_in = [i](const std::vector<int>& list) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    model->is_angle[i] = is_in(spec.angular_positions) ? 1 : 0;
    if (model->is_angle[i] != 0) {
      model->feature_row[i] = static_cast<int16_t>(next_angle++);
    } else {
      model->feature_row[i] =
          is_in(spec.ignored_positions) ? int16_t{-1} : static_cast<int16_t>(next_plain++);
    }
  }
}

void SetMethod(const FusedModel& fused, TileModel* model) {
  model->method = TileMethod::kRungeKutta;
  model->stages = 1;
  model->final_weights[0] = 1.0f;
  const auto four_stages = [model](const float(&stages)[3][3], const float(&final)[4]) {
    model->stages = 4;
    for (int s = 0; s < 3; ++s) std::copy_n(stages[s], 3, model->stage_weights[s]);
    std::copy_n(final, 4, model->final_weights);
  };
  switch (fused.method) {
    case IntegratorMethod::kRk4:
      four_stages({{0.5f, 0.0f, 0.0f}, {0.0f, 0.5f, 0.0f}, {0.0f, 0.0f, 1.0f}},
                  {1.0f / 6.0f, 1.0f / 3.0f, 1.0f / 3.0f, 1.0f / 6.0f});
      break;
    case IntegratorMethod::kRk4ThreeEighths:
      four_stages({{1.0f / 3.0f, 0.0f, 0.0f}, {-1.0f / 3.0f, 1.0f, 0.0f}, {1.0f, -1.0f, 1.0f}},
                  {0.125f, 0.375f, 0.375f, 0.125f});
      break;
    case IntegratorMethod::kConstantAcceleration:
      model->method = TileMethod::kConstantAcceleration;
      break;
    case IntegratorMethod::kSymplecticEuler:
      model->method = TileMethod::kSymplecticEuler;
      break;
    case IntegratorMethod::kLeapfrog:
      model->method = TileMethod::kLeapfrog;
      break;
    default:
      break;  // EULER; CheckTilesTake refuses the others
  }
}

TileActivation Convert(Activation activation) {
  switch (activation) {
    case Activation::kTanh:
      return TileActivation::kTanh;
    case Activation::kRelu:
      return TileActivation::kRelu;
    case Activation::kSilu:
      return TileActivation::kSilu;
    case Activation::kSoftplus:
      return TileActivation::kSoftplus;
  }
  return TileActivation::kTanh;
}

// One member's numbers; every member gets the same offsets.
std::vector<float> PackMember(const FusedModel& fused, const fused::MemberNetworks& member,
                              TileModel* model) {
  Packer packer;
  std::vector<float> inverse_std;
  for (float std : fused.input_std) inverse_std.push_back(1.0f / std);
  model->input_mean = packer.Add(fused.input_mean, static_cast<int>(fused.input_mean.size()));
  model->input_inverse_std = packer.Add(inverse_std, static_cast<int>(inverse_std.size()));
  const int outputs = static_cast<int>(fused.output_mean.size());
  model->output_mean = packer.Add(fused.output_mean, PadOutputs(outputs));
  model->output_std = packer.Add(fused.output_std, PadOutputs(outputs));
  if (!member.potential.empty()) {
    const std::vector<float>& last = member.potential.back().weight;
    model->potential_last = packer.Add(last, static_cast<int>(last.size()));
  }
  AddBiases(member.mlp, &model->mlp, &packer);
  AddBiases(member.potential, &model->potential, &packer);
  AddBiases(member.mass, &model->mass, &packer);
  model->num_constants = packer.size();

  AddForward(member.mlp, &model->mlp, &packer);
  AddForward(member.potential, &model->potential, &packer);
  AddForward(member.mass, &model->mass, &packer);
  if (!member.potential.empty()) {
    AddBackward(member.potential, member.potential.size() - 1, &model->potential_backward, &packer);
    AddBackward(member.mass, member.mass.size(), &model->mass_backward, &packer);
  }
  model->packed_size = packer.size();
  return packer.numbers();
}

absl::Status NotTaken(const std::string& what) {
  return absl::UnimplementedError(absl::StrCat("the fused CUDA engine does not compute ", what));
}

}  // namespace

bool IsHamiltonian(const TileModel& model) {
  return model.potential.layers > 0 || model.learned_mass != 0;
}

absl::Status CheckTilesTake(const TransitionModelSpec& spec) {
  const DynamicsSpec& dynamics = spec.dynamics;
  switch (dynamics.kind) {
    case DynamicsKind::kNode:
    case DynamicsKind::kNodeSo:
    case DynamicsKind::kHnn:
    case DynamicsKind::kMechanics:
      break;
    default:
      return NotTaken(absl::StrCat("dynamics of kind ", Name(dynamics.kind),
                                   " (it takes NODE, NODE_SO, MECHANICS and HNN)"));
  }
  if (spec.integrator.method == IntegratorMethod::kImplicitMidpoint ||
      spec.integrator.method == IntegratorMethod::kDopri5) {
    return NotTaken(absl::StrCat("with ", Name(spec.integrator.method),
                                 " (it takes explicit methods of fixed step)"));
  }
  if (dynamics.kind == DynamicsKind::kHnn && dynamics.activation == Activation::kSilu) {
    return NotTaken("HNN with SILU, whose slope does not follow from its value");
  }
  if (spec.num_positions > kMaxPositions) {
    return NotTaken(
        absl::StrCat("models of ", spec.num_positions, " positions (at most ", kMaxPositions, ")"));
  }
  if (static_cast<int>(dynamics.hidden_sizes.size()) > kMaxLayers - 1) {
    return NotTaken(absl::StrCat("networks of ", dynamics.hidden_sizes.size(),
                                 " hidden layers (at most ", kMaxLayers - 1, ")"));
  }
  for (int width : dynamics.hidden_sizes) {
    if (width > kMaxWidth) {
      return NotTaken(absl::StrCat("hidden layers of ", width, " units (at most ", kMaxWidth, ")"));
    }
  }
  return absl::OkStatus();
}

PackedTiles PackTiles(const TransitionModelSpec& spec, const FusedModel& fused) {
  PackedTiles packed = {};
  TileModel& model = packed.model;
  model.num_positions = fused.num_positions;
  model.num_controls = fused.num_controls;
  model.num_features = fused.num_features;
  model.num_angles = static_cast<int32_t>(fused.angular_positions.size());
  SetFeatures(spec, &model);
  model.activation = Convert(fused.activation);
  model.rates_of_positions = fused.kind == DynamicsKind::kNode ? 1 : 0;
  model.learned_mass = fused.learned_mass ? 1 : 0;
  model.mlp_sees_momentum = fused.kind == DynamicsKind::kMechanics ? 1 : 0;
  model.mass_epsilon = fused.mass_epsilon;
  SetMethod(fused, &model);
  model.substeps = fused.substeps;
  model.step = fused.step;
  model.members = static_cast<int32_t>(fused.members.size());
  for (const fused::MemberNetworks& member : fused.members) {
    const std::vector<float> numbers = PackMember(fused, member, &model);
    packed.numbers.insert(packed.numbers.end(), numbers.begin(), numbers.end());
  }
  return packed;
}

}  // namespace rollout::cuda
