#include "models/engines/fused/packed_model.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace rollout::fused {
namespace {

constexpr size_t kAlignment = 64;  // of the widest vectors, and a cache line
constexpr size_t kSlack = 16;      // floats that a vector may reach over the end

// Partial sums of an output: enough that eight sums are under way whatever the layer's width, as
// many as it takes to hide the latency of a fused multiply-add (4 cycles, two at a time).
int Chains(int output_vectors) {
  if (output_vectors >= 5) return 1;
  if (output_vectors >= 3) return 2;
  return output_vectors == 2 ? 4 : 8;
}

// [input pair][output][2], padded with zeros.
template <typename WeightAt>
AlignedFloats PackPairs(int inputs, int outputs, int vector_lanes, WeightAt weight_at) {
  AlignedFloats pairs(size_t((inputs + 1) / 2) * vector_lanes);
  for (int k = 0; k < inputs; ++k) {
    for (int row = 0; row < outputs; ++row) {
      pairs.data()[size_t(k / 2) * vector_lanes + 2 * row + k % 2] = weight_at(row, k);
    }
  }
  return pairs;
}

// `weight_at(output, input)`. A layer that is summed in two parts (the controls apart) must not
// pair its inputs.
template <typename WeightAt>
PackedLayer PackLayer(int inputs, int outputs, int vector_lanes, bool may_pair,
                      WeightAt weight_at) {
  PackedLayer packed;
  packed.inputs = inputs;
  packed.outputs = outputs;
  const int output_vectors = (outputs + vector_lanes - 1) / vector_lanes;
  packed.padded_outputs = output_vectors * vector_lanes;
  packed.chains = Chains(output_vectors);

  packed.lane_weights = AlignedFloats(size_t(outputs) * inputs);
  float* out = packed.lane_weights.data();
  for (int first = 0; first < outputs; first += kLaneBlock) {
    const int last = std::min(outputs, first + kLaneBlock);
    for (int k = 0; k < inputs; ++k) {
      for (int row = first; row < last; ++row) *out++ = weight_at(row, k);
    }
  }

  packed.bias = AlignedFloats(packed.padded_outputs);
  packed.pairs_inputs = may_pair && 2 * outputs <= vector_lanes;
  if (packed.pairs_inputs) {
    packed.output_weights = PackPairs(inputs, outputs, vector_lanes, weight_at);
    packed.output_blocks = {1};
    return packed;
  }
  // Blocks of nearly equal size: a small last one would be short of sums to keep under way.
  const int blocks = (output_vectors + kOutputBlock - 1) / kOutputBlock;
  packed.output_weights = AlignedFloats(size_t(packed.padded_outputs) * inputs);
  out = packed.output_weights.data();
  int first = 0;
  for (int block = 0; block < blocks; ++block) {
    const int vectors = output_vectors / blocks + (block < output_vectors % blocks ? 1 : 0);
    packed.output_blocks.push_back(vectors);
    const int last = first + vectors * vector_lanes;
    for (int k = 0; k < inputs; ++k) {
      for (int row = first; row < last; ++row) *out++ = row < outputs ? weight_at(row, k) : 0.0f;
    }
    first = last;
  }
  return packed;
}

AlignedFloats PaddedCopy(const std::vector<float>& values, int padded) {
  AlignedFloats copy(padded);
  std::copy(values.begin(), values.end(), copy.data());
  return copy;
}

PackedNetwork PackNetwork(const Network& network, bool has_controls, const PackedModel& packed) {
  PackedNetwork result;
  for (const DenseLayer& layer : network) {
    const bool may_pair = !has_controls || &layer != &network.front();
    const auto at = [&](int row, int k) { return layer.weight[size_t(row) * layer.inputs + k]; };
    PackedLayer forward = PackLayer(layer.inputs, layer.outputs, packed.vector_lanes, may_pair, at);
    std::copy(layer.bias.begin(), layer.bias.end(), forward.bias.data());
    result.layers.push_back(std::move(forward));
    const auto transposed = [&](int row, int k) { return at(k, row); };
    result.backward.push_back(
        PackLayer(layer.outputs, layer.inputs, packed.vector_lanes, true, transposed));
  }
  if (network.back().outputs == 1) {
    result.last_weights = PaddedCopy(network.back().weight, packed.Padded(network.back().inputs));
  }
  return result;
}

}  // namespace

AlignedFloats::AlignedFloats(size_t size) : size_(size) {
  const size_t bytes = ((size + kSlack) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
  float* data = static_cast<float*>(std::aligned_alloc(kAlignment, bytes));
  if (data == nullptr) throw std::bad_alloc();
  std::fill_n(data, bytes / sizeof(float), 0.0f);
  data_.reset(data);
}

void AlignedFloats::Free::operator()(float* data) const { std::free(data); }

std::unique_ptr<const PackedModel> MakePackedModel(const FusedModel& model, int vector_lanes) {
  auto packed = std::make_unique<PackedModel>();
  packed->model = &model;
  packed->vector_lanes = vector_lanes;
  for (const MemberNetworks& member : model.members) {
    PackedMember packed_member;
    if (!member.mlp.empty()) packed_member.mlp = PackNetwork(member.mlp, true, *packed);
    if (!member.potential.empty()) {
      packed_member.potential = PackNetwork(member.potential, false, *packed);
    }
    if (!member.mass.empty()) {
      packed_member.mass = PackNetwork(member.mass, false, *packed);
    }
    packed->members.push_back(std::move(packed_member));
  }
  if (model.has_mlp()) {
    std::vector<float> inverse_std;
    for (float std : model.input_std) inverse_std.push_back(static_cast<float>(1.0 / std));
    const int inputs = packed->Padded(model.num_inputs());
    const int outputs = packed->Padded(static_cast<int>(model.output_std.size()));
    packed->input_mean = PaddedCopy(model.input_mean, inputs);
    packed->input_inverse_std = PaddedCopy(inverse_std, inputs);
    packed->output_mean = PaddedCopy(model.output_mean, outputs);
    packed->output_std = PaddedCopy(model.output_std, outputs);
  }
  return packed;
}

}  // namespace rollout::fused
