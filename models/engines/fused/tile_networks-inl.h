// The networks of a model for all lanes of a tile: forward, and gradients on their way back.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_NETWORKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_NETWORKS_INL_H_
#undef ROLLOUT_FUSED_TILE_NETWORKS_INL_H_
#else
#define ROLLOUT_FUSED_TILE_NETWORKS_INL_H_
#endif

#include <algorithm>
#include <vector>

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/dense_call-inl.h"
#include "models/engines/fused/lane_dense-inl.h"
#include "models/engines/fused/output_dense-inl.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Takes all lanes of a tile through a network and back. Owned by one thread; its activations are
// those of the network that was computed last. All networks of a model have hidden layers of the
// same widths.
template <class Tile>
class TileNetworks {
 public:
  struct Hidden {
    float* values;
    int width;
  };

  // Room for networks with hidden layers like those of `layers`; `with_gradient` = Backward is
  // wanted, too.
  TileNetworks(const std::vector<PackedLayer>& layers, Activation activation, bool with_gradient,
               Arena& arena)
      : activation_(activation) {
    int widest = 0;
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      const int width = layers[i].outputs;
      // Only the way back reads more than the layer before.
      if (with_gradient || i < 2) {
        hidden_.push_back({arena.Take(Tile::Size(width)), width});
      } else {
        hidden_.push_back(hidden_[i - 2].width >= width
                              ? Hidden{hidden_[i - 2].values, width}
                              : Hidden{arena.Take(Tile::Size(width)), width});
      }
      widest = std::max(widest, width);
    }
    if (!with_gradient) return;
    for (float*& cotangents : cotangents_) cotangents = arena.Take(Tile::Size(widest));
    if (activation == Activation::kTanh) return;
    for (const Hidden& hidden : hidden_) slopes_.push_back(arena.Take(Tile::Size(hidden.width)));
  }

  // Through all layers, or (outputs = nullptr) through all but the last. `descending`: see
  // DenseCall. `record` gets, layer after layer, what the way back reads of the hidden layers,
  // activations for tanh, else slopes (with_slopes); nullptr: not wanted.
  void Forward(const std::vector<PackedLayer>& layers, const float* inputs, bool descending,
               bool with_slopes, float* outputs, float* record = nullptr) {
    DenseCall first;
    first.inputs = inputs;
    first.end_input = layers[0].inputs;
    Forward(layers, first, descending, with_slopes, outputs, record);
  }

  // The same, with what the first layer reads given by `first`: its inputs, ranges and initial.
  void Forward(const std::vector<PackedLayer>& layers, const DenseCall& first, bool descending,
               bool with_slopes, float* outputs, float* record = nullptr) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const bool is_last = i + 1 == layers.size();
      if (is_last && outputs == nullptr) return;
      DenseCall call;
      if (i == 0) {
        call = first;
      } else {
        call.end_input = layers[i].inputs;
        call.inputs = hidden_[i - 1].values;
        call.descending = descending;
      }
      call.layer = &layers[i];
      call.outputs = is_last ? outputs : hidden_[i].values;
      const bool is_tanh = activation_ == Activation::kTanh;
      call.epilogue = !is_last && is_tanh ? Epilogue::kTanh : Epilogue::kNone;
      call.record = !is_last && is_tanh ? record : nullptr;
      Dense(Tile(), call);
      if (is_last) return;
      if (!is_tanh) Activate(call.outputs, with_slopes ? slopes_[i] : nullptr, layers[i].outputs);
      if (record == nullptr) continue;
      const size_t size = Tile::Size(layers[i].outputs);
      if (!is_tanh) std::copy_n(slopes_[i], size, record);
      record += size;
    }
  }

  // From cotangents of the activations of hidden layer `last` - already times their slope - back
  // to the network's inputs.
  void Backward(const PackedNetwork& network, int last, const float* cotangents, float* gradient) {
    for (int i = last + 1; i-- > 0;) {
      DenseCall call;
      call.layer = &network.backward[i];
      call.end_input = call.layer->inputs;
      call.inputs = cotangents;
      call.outputs = i == 0 ? gradient : NextCotangents(cotangents);
      const bool is_tanh = activation_ == Activation::kTanh;
      if (i > 0 && is_tanh) {
        call.epilogue = Epilogue::kTanhSlope;
        call.activations = hidden_[i - 1].values;
      }
      Dense(Tile(), call);
      if (i > 0 && !is_tanh) {
        for (int v = 0; v < Tile::Vectors(call.layer->outputs); ++v) {
          hn::Store(hn::Mul(At(call.outputs, v), At(slopes_[i - 1], v)), d_,
                    call.outputs + v * kVectorLanes);
        }
      }
      cotangents = call.outputs;
    }
  }

  // The gradient of a network's only output with respect to its inputs, after Forward with slopes.
  void ScalarGradient(const PackedNetwork& network, int inputs, float* gradient) {
    const float* last_weights = network.last_weights.data();
    if (hidden_.empty()) {
      for (int i = 0; i < Tile::Vectors(inputs); ++i) {
        hn::Store(Tile::Constants(last_weights, inputs, i), d_, gradient + i * kVectorLanes);
      }
      return;
    }
    const Hidden& last = hidden_.back();
    for (int i = 0; i < Tile::Vectors(last.width); ++i) {
      const FloatVec h = At(last.values, i);
      const FloatVec slope = activation_ == Activation::kTanh
                                 ? hn::NegMulAdd(h, h, hn::Set(d_, 1.0f))
                                 : At(slopes_.back(), i);
      hn::Store(hn::Mul(Tile::Constants(last_weights, last.width, i), slope), d_,
                cotangents_[0] + i * kVectorLanes);
    }
    Backward(network, static_cast<int>(hidden_.size()) - 1, cotangents_[0], gradient);
  }

 private:
  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }

  // The activations other than tanh, in a pass of their own, with their derivatives if wanted.
  void Activate(float* values, float* slopes, int count) {
    const FloatVec zero = hn::Zero(d_);
    const FloatVec one = hn::Set(d_, 1.0f);
    for (int i = 0; i < Tile::Vectors(count); ++i) {
      const FloatVec x = At(values, i);
      FloatVec y = x;
      FloatVec slope = one;
      switch (activation_) {
        case Activation::kTanh:
          y = FastTanh(d_, x);
          slope = hn::NegMulAdd(y, y, one);
          break;
        case Activation::kRelu:
          y = hn::IfThenElse(hn::Lt(x, zero), zero, x);  // passes NaN on
          slope = hn::IfThenElseZero(hn::Gt(x, zero), one);
          break;
        case Activation::kSilu: {
          const FloatVec s = Sigmoid(d_, x);
          y = hn::Mul(x, s);
          slope = hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
          break;
        }
        case Activation::kSoftplus:
          y = Softplus(d_, x);
          slope = Sigmoid(d_, x);
          break;
      }
      hn::Store(y, d_, values + i * kVectorLanes);
      if (slopes != nullptr) hn::Store(slope, d_, slopes + i * kVectorLanes);
    }
  }

  float* NextCotangents(const float* current) {
    return current == cotangents_[0] ? cotangents_[1] : cotangents_[0];
  }

  const FloatTag d_{};
  const Activation activation_;
  std::vector<Hidden> hidden_;  // activations of each hidden layer, of the network at hand
  std::vector<float*> slopes_;  // their derivatives; empty for tanh, which has them from hidden_
  float* cotangents_[2] = {nullptr, nullptr};
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
