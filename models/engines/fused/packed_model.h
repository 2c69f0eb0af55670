// A model's weights in the order in which the vector kernels read them.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_PACKED_MODEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_PACKED_MODEL_H_

#include <memory>
#include <vector>

#include "models/engines/fused/fused_model.h"

namespace rollout::fused {

// Numbers at an address that every vector may be loaded from. Owned by one; may be moved.
class AlignedFloats {
 public:
  AlignedFloats() = default;
  // `size` zeros, and a vector's worth of zeros after them. Throws std::bad_alloc.
  explicit AlignedFloats(size_t size);

  float* data() { return data_.get(); }
  const float* data() const { return data_.get(); }
  size_t size() const { return size_; }

 private:
  struct Free {
    void operator()(float* data) const;
  };
  std::unique_ptr<float[], Free> data_;
  size_t size_ = 0;
};

// Outputs computed together by the lane tiles: their sums stay in registers.
inline constexpr int kLaneBlock = 8;
// Vectors of outputs computed together by the output tiles.
inline constexpr int kOutputBlock = 8;

// One layer y = W x + b, packed twice.
//
// Every output is the sum of `chains` partial sums, of the inputs k with the same k mod chains,
// each in order of k; the partial sums are folded in a tree (+ chains/2, ..., + 1) and the bias is
// added last - first where there is one chain. A layer with few outputs gets several chains, as
// otherwise one lane's sums would wait for each other. So the order follows from the layer's shape
// and the width of a vector alone, and both packings give the same bits.
struct PackedLayer {
  int inputs = 0;
  int outputs = 0;
  int padded_outputs = 0;  // the next multiple of a vector
  int chains = 1;
  // Blocks of kLaneBlock outputs (the last may have fewer): [block][input][output in block].
  AlignedFloats lane_weights;
  // Blocks of up to kOutputBlock vectors of outputs: [block][input][output in block]. Where half a
  // vector holds all outputs, a vector takes two inputs at once: [input pair][output][2].
  AlignedFloats output_weights;
  bool pairs_inputs = false;
  std::vector<int> output_blocks;  // vectors in each
  AlignedFloats bias;              // [padded_outputs]
};

struct PackedNetwork {
  std::vector<PackedLayer> layers;
  // layers[i] transposed, without a bias: gradients on their way back. That of a network with one
  // output starts at its last weights.
  std::vector<PackedLayer> backward;
  AlignedFloats last_weights;  // [padded inputs of the last layer], of a network with one output
};

struct PackedMember {
  PackedNetwork mlp, potential, mass;
};

// Immutable once made; shared by the kernels of all threads. `model` must outlive it.
struct PackedModel {
  const FusedModel* model = nullptr;
  int vector_lanes = 0;  // floats in a vector
  std::vector<PackedMember> members;
  // Padded with zeros to whole vectors.
  AlignedFloats input_mean, input_inverse_std, output_mean, output_std;

  // `size` rounded up to whole vectors.
  int Padded(int size) const { return (size + vector_lanes - 1) / vector_lanes * vector_lanes; }
};

// Throws std::bad_alloc.
std::unique_ptr<const PackedModel> MakePackedModel(const FusedModel& model, int vector_lanes);

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_PACKED_MODEL_H_
