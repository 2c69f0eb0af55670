// Cotangents of a network's outputs on their way back, for all lanes of a tile: ScalarNetworkVjp
// over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_NETWORK_VJP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_NETWORK_VJP_INL_H_
#undef ROLLOUT_FUSED_TILE_NETWORK_VJP_INL_H_
#else
#define ROLLOUT_FUSED_TILE_NETWORK_VJP_INL_H_
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

// One network y = N(x) and its tangent dy = N'(x) dx, there and back. Of a hidden layer with the
// preactivation a and its tangent da it keeps h = s(a), s'(a) and, for the way back of tangents,
// s''(a) da. Owned by one thread; arrays hold their numbers of every lane.
template <class Tile>
class TileNetworkVjp {
 public:
  // `layers` of any member; `with_tangents` = Tangents and PullBackTangents are wanted, too.
  TileNetworkVjp(const std::vector<PackedLayer>& layers, Activation activation, bool with_tangents,
                 Arena& arena)
      : activation_(activation) {
    int widest = 0;
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      const int width = layers[i].outputs;
      const size_t size = Tile::Size(width);
      hidden_.push_back({width, arena.Take(size), arena.Take(size),
                         with_tangents ? arena.Take(size) : nullptr,
                         with_tangents ? arena.Take(size) : nullptr});
      widest = std::max(widest, width);
    }
    for (const PackedLayer& layer : layers) widest = std::max(widest, layer.outputs);
    for (float*& array : cotangents_) array = arena.Take(Tile::Size(widest));
    if (!with_tangents) return;
    for (float*& array : tangent_cotangents_) array = arena.Take(Tile::Size(widest));
    no_bias_ = arena.Take(Tile::Size(widest));
  }

  // Numbers that describe all hidden layers to PullBackRecorded.
  static size_t RecordSize(const std::vector<PackedLayer>& layers) {
    size_t size = 0;
    for (size_t i = 0; i + 1 < layers.size(); ++i) size += Tile::Size(layers[i].outputs);
    return size;
  }

  // x -> y; `outputs` nullptr: not wanted. `with_curvature`: Tangents will follow.
  void Forward(const PackedNetwork& network, const float* x, bool with_curvature, float* outputs) {
    for (size_t i = 0; i < network.layers.size(); ++i) {
      const bool is_last = i == hidden_.size();
      if (is_last && outputs == nullptr) return;
      DenseCall call;
      call.layer = &network.layers[i];
      call.end_input = call.layer->inputs;
      call.inputs = i == 0 ? x : hidden_[i - 1].values;
      call.outputs = is_last ? outputs : hidden_[i].values;
      if (!is_last && activation_ == Activation::kTanh) call.epilogue = Epilogue::kTanh;
      Dense(Tile(), call);
      if (!is_last) Differentiate(hidden_[i], with_curvature);
    }
  }

  // dx -> dy, after Forward with curvature.
  void Tangents(const PackedNetwork& network, const float* dx, float* output_tangents) {
    std::fill_n(no_bias_, WidestSize(network), 0.0f);
    const float* inputs = dx;
    for (size_t i = 0; i < network.layers.size(); ++i) {
      const bool is_last = i == hidden_.size();
      if (is_last && output_tangents == nullptr) return;
      DenseCall call;
      call.layer = &network.layers[i];
      call.end_input = call.layer->inputs;
      call.inputs = inputs;
      call.initial = no_bias_;
      call.outputs = is_last ? output_tangents : hidden_[i].tangents;
      Dense(Tile(), call);
      if (is_last) return;
      // da -> dh = s' da; what is kept is s'' da.
      const Hidden& hidden = hidden_[i];
      for (int v = 0; v < Tile::Vectors(hidden.width); ++v) {
        const FloatVec da = At(hidden.tangents, v);
        hn::Store(hn::Mul(At(hidden.slopes, v), da), d_, hidden.tangents + v * kVectorLanes);
        hn::Store(hn::Mul(At(hidden.curvatures, v), da), d_, hidden.curvatures + v * kVectorLanes);
      }
      inputs = hidden.tangents;
    }
  }

  // by_y -> by_x, after Forward.
  void PullBack(const PackedNetwork& network, const float* by_outputs, float* by_x) {
    const float* cotangents = by_outputs;
    for (size_t i = network.layers.size(); i-- > 0;) {
      float* out = i == 0 ? by_x : Other(cotangents_, cotangents);
      Transposed(network, i, cotangents, out);
      if (i > 0) Scale(hidden_[i - 1].slopes, hidden_[i - 1].width, out);
      cotangents = out;
    }
  }

  // by_y -> by_x; `record` holds, layer after layer, what TileNetworks had of the hidden layers: h
  // for tanh, s'(a) for the others. `record_step`, `descending`: see DenseCall.
  void PullBackRecorded(const PackedNetwork& network, const float* record, ptrdiff_t record_step,
                        bool descending, const float* by_outputs, float* by_x) {
    const float* cotangents = by_outputs;
    const float* hidden = record + RecordSize(network.layers);
    for (size_t i = network.layers.size(); i-- > 0;) {
      float* out = i == 0 ? by_x : Other(cotangents_, cotangents);
      DenseCall call;
      call.layer = &network.backward[i];
      call.end_input = call.layer->inputs;
      call.descending = descending && call.layer->chains == 1;
      call.inputs = cotangents;
      call.outputs = out;
      if (i > 0) {
        hidden -= Tile::Size(hidden_[i - 1].width);
        if (activation_ == Activation::kTanh) {
          call.epilogue = Epilogue::kTanhSlope;
          call.activations = hidden;
          call.record_step = record_step;
        }
      }
      Dense(Tile(), call);
      if (i > 0 && activation_ != Activation::kTanh) Scale(hidden, hidden_[i - 1].width, out);
      cotangents = out;
    }
  }

  // (by_y, by_dy) -> (by_x, by_dx), after Forward and Tangents. With by_y = by_dy = nullptr, for a
  // network with one output: by_y = 0, by_dy = -1.
  void PullBackTangents(const PackedNetwork& network, const float* by_outputs,
                        const float* by_output_tangents, float* by_x, float* by_dx) {
    const float* values = by_outputs;
    const float* tangents = by_output_tangents;
    for (size_t i = network.layers.size(); i-- > 0;) {
      float* by_value = i == 0 ? by_x : Other(cotangents_, values);
      float* by_tangent = i == 0 ? by_dx : Other(tangent_cotangents_, tangents);
      const int width = network.layers[i].inputs;
      if (tangents == nullptr) {  // the only output's
        for (int v = 0; v < Tile::Vectors(width); ++v) {
          const FloatVec weight = Tile::Constants(network.last_weights.data(), width, v);
          hn::Store(hn::Zero(d_), d_, by_value + v * kVectorLanes);
          hn::Store(hn::Neg(weight), d_, by_tangent + v * kVectorLanes);
        }
      } else {
        Transposed(network, i, values, by_value);
        Transposed(network, i, tangents, by_tangent);
      }
      if (i > 0) {
        const Hidden& hidden = hidden_[i - 1];
        for (int v = 0; v < Tile::Vectors(hidden.width); ++v) {
          const FloatVec slope = At(hidden.slopes, v);
          const FloatVec by_dh = At(by_tangent, v);
          const FloatVec bent = hn::Mul(At(hidden.curvatures, v), by_dh);
          hn::Store(hn::MulAdd(slope, At(by_value, v), bent), d_, by_value + v * kVectorLanes);
          hn::Store(hn::Mul(slope, by_dh), d_, by_tangent + v * kVectorLanes);
        }
      }
      values = by_value;
      tangents = by_tangent;
    }
  }

 private:
  struct Hidden {
    int width;
    float* values;      // h
    float* slopes;      // s'(a)
    float* tangents;    // dh
    float* curvatures;  // s''(a), then s''(a) da
  };

  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }

  static float* Other(float* const (&arrays)[2], const float* current) {
    return current == arrays[0] ? arrays[1] : arrays[0];
  }

  static size_t WidestSize(const PackedNetwork& network) {
    size_t size = 0;
    for (const PackedLayer& layer : network.layers) {
      size = std::max(size, Tile::Size(layer.outputs));
    }
    return size;
  }

  void Scale(const float* slopes, int width, float* values) {
    for (int v = 0; v < Tile::Vectors(width); ++v) {
      hn::Store(hn::Mul(At(slopes, v), At(values, v)), d_, values + v * kVectorLanes);
    }
  }

  void Transposed(const PackedNetwork& network, size_t layer, const float* in, float* out) {
    DenseCall call;
    call.layer = &network.backward[layer];
    call.end_input = call.layer->inputs;
    call.inputs = in;
    call.outputs = out;
    Dense(Tile(), call);
  }

  // From preactivations in `hidden.values` (for tanh, from activations there) to h, s' and s''.
  void Differentiate(const Hidden& hidden, bool with_curvature) {
    const FloatVec zero = hn::Zero(d_);
    const FloatVec one = hn::Set(d_, 1.0f);
    const FloatVec two = hn::Set(d_, 2.0f);
    for (int v = 0; v < Tile::Vectors(hidden.width); ++v) {
      const FloatVec x = At(hidden.values, v);
      FloatVec y = x;
      FloatVec slope = one;
      FloatVec curvature = zero;
      switch (activation_) {
        case Activation::kTanh:
          slope = hn::NegMulAdd(x, x, one);
          curvature = hn::Neg(hn::Mul(hn::Mul(two, x), slope));
          break;
        case Activation::kRelu:
          y = hn::IfThenElse(hn::Lt(x, zero), zero, x);  // passes NaN on
          slope = hn::IfThenElseZero(hn::Gt(x, zero), one);
          break;
        case Activation::kSilu: {
          const FloatVec s = Sigmoid(d_, x);
          const FloatVec rest = hn::Sub(one, s);
          y = hn::Mul(x, s);
          slope = hn::Mul(s, hn::MulAdd(x, rest, one));
          curvature = hn::Mul(hn::Mul(s, rest), hn::MulAdd(x, hn::NegMulAdd(two, s, one), two));
          break;
        }
        case Activation::kSoftplus:
          y = Softplus(d_, x);
          slope = Sigmoid(d_, x);
          curvature = hn::Mul(slope, hn::Sub(one, slope));
          break;
      }
      hn::Store(y, d_, hidden.values + v * kVectorLanes);
      hn::Store(slope, d_, hidden.slopes + v * kVectorLanes);
      if (with_curvature) hn::Store(curvature, d_, hidden.curvatures + v * kVectorLanes);
    }
  }

  const FloatTag d_{};
  const Activation activation_;
  std::vector<Hidden> hidden_;
  float* cotangents_[2] = {nullptr, nullptr};
  float* tangent_cotangents_[2] = {nullptr, nullptr};
  float* no_bias_ = nullptr;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
