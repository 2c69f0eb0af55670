// y = epilogue(W x + b) for all lanes of a tile: where the time goes. Sums stay in registers; every
// loop over them is unrolled, or they would live in memory (measured: 2.7 times slower).
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_DENSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_DENSE_INL_H_
#undef ROLLOUT_FUSED_DENSE_INL_H_
#else
#define ROLLOUT_FUSED_DENSE_INL_H_
#endif

#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

#define ROLLOUT_UNROLL HWY_PRAGMA(GCC unroll 32)

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

enum class Epilogue {
  kNone,
  kTanh,
  kTanhSlope,  // times 1 - h^2, h the activation of the output's own unit: the way back
};

// One layer's product as a tile computes it.
struct DenseCall {
  const PackedLayer* layer = nullptr;
  // Of the layer's inputs, those in [first_input, end_input) are summed.
  int first_input = 0;
  int end_input = 0;
  // Sums in descending order of inputs (layers of one chain only). Every other evaluation of a
  // rollout does so: what it reads first is then what the cache still holds.
  bool descending = false;
  const float* inputs = nullptr;   // [layer->inputs] of every lane
  const float* initial = nullptr;  // [outputs] of every lane, in place of the bias
  float* outputs = nullptr;        // [outputs] of every lane
  Epilogue epilogue = Epilogue::kNone;
  const float* activations = nullptr;  // [outputs] of every lane, for kTanhSlope
};

HWY_INLINE FloatVec Finish(FloatVec sum, Epilogue epilogue, const float* activations) {
  const FloatTag d;
  switch (epilogue) {
    case Epilogue::kNone:
      return sum;
    case Epilogue::kTanh:
      return FastTanh(d, sum);
    case Epilogue::kTanhSlope: {
      const FloatVec h = hn::Load(d, activations);
      return hn::Mul(sum, hn::NegMulAdd(h, h, hn::Set(d, 1.0f)));
    }
  }
  return sum;
}

// ------------------------------------------------------------------ vectors over lanes

// sums[m][v] += weights[k][m] * inputs[k][v] over `count` values of k.
template <int kOutputs, int kVectors>
HWY_INLINE void AddLaneProducts(const float* HWY_RESTRICT weights, ptrdiff_t weight_step,
                                const float* HWY_RESTRICT inputs, ptrdiff_t input_step, int count,
                                FloatVec (&sums)[kOutputs][kVectors]) {
  const FloatTag d;
  for (int k = 0; k < count; ++k) {
    FloatVec x[kVectors];
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) x[v] = hn::Load(d, inputs + v * kVectorLanes);
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      const FloatVec w = hn::Set(d, weights[m]);
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::MulAdd(w, x[v], sums[m][v]);
    }
    weights += weight_step;
    inputs += input_step;
  }
}

// The partial sums of all chains, folded: sums over k = 0, chains, 2 chains ...; then 1, ... .
template <int kOutputs, int kVectors>
HWY_INLINE void FoldLaneChains(const DenseCall& call, const float* weights, int block_outputs,
                               FloatVec (&sums)[kOutputs][kVectors]) {
  using Tile = LaneTile<kVectors>;
  const FloatTag d;
  const int chains = call.layer->chains;
  const int count = call.end_input - call.first_input;
  FloatVec pending[3][kOutputs][kVectors];  // left halves of the tree; at most 8 chains
  int depth = 0;
  for (int i = 0; i < chains; ++i) {
    // Chains in the order of a depth-first walk through the tree: the bits of i reversed.
    int chain = 0;
    for (int bit = 1; bit < chains; bit *= 2) chain = 2 * chain + ((i & bit) != 0 ? 1 : 0);
    const int length = (count - chain + chains - 1) / chains;
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::Zero(d);
    }
    AddLaneProducts<kOutputs, kVectors>(
        weights + ptrdiff_t(chain) * block_outputs, ptrdiff_t(chains) * block_outputs,
        call.inputs + ptrdiff_t(call.first_input + chain) * Tile::kLanes,
        ptrdiff_t(chains) * Tile::kLanes, length, sums);
    for (int rest = i; (rest & 1) != 0; rest /= 2) {
      --depth;
      ROLLOUT_UNROLL
      for (int m = 0; m < kOutputs; ++m) {
        ROLLOUT_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          sums[m][v] = hn::Add(pending[depth][m][v], sums[m][v]);
        }
      }
    }
    if (i + 1 < chains) {
      ROLLOUT_UNROLL
      for (int m = 0; m < kOutputs; ++m) {
        ROLLOUT_UNROLL
        for (int v = 0; v < kVectors; ++v) pending[depth][m][v] = sums[m][v];
      }
      ++depth;
    }
  }
}

// Outputs [first_output, first_output + kOutputs), whose weights begin at `weights`, those of
// neighbouring inputs `block_outputs` apart.
template <int kOutputs, int kVectors>
HWY_NOINLINE void LaneBlock(const DenseCall& call, const float* weights, int block_outputs,
                            int first_output) {
  using Tile = LaneTile<kVectors>;
  const FloatTag d;
  const int count = call.end_input - call.first_input;
  weights += ptrdiff_t(call.first_input) * block_outputs;
  FloatVec sums[kOutputs][kVectors];
  const auto initial = [&](int m, int v) HWY_ATTR {
    return call.initial != nullptr
               ? hn::Load(d, call.initial + Tile::Element(0, first_output + m, v))
               : hn::Set(d, call.layer->bias.data()[first_output + m]);
  };
  if (call.layer->chains == 1) {
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[m][v] = initial(m, v);
    }
    ptrdiff_t weight_step = block_outputs;
    ptrdiff_t input_step = Tile::kLanes;
    const float* inputs = call.inputs + ptrdiff_t(call.first_input) * Tile::kLanes;
    if (call.descending) {
      weights += weight_step * (count - 1);
      inputs += input_step * (count - 1);
      weight_step = -weight_step;
      input_step = -input_step;
    }
    AddLaneProducts<kOutputs, kVectors>(weights, weight_step, inputs, input_step, count, sums);
  } else {
    FoldLaneChains<kOutputs, kVectors>(call, weights, block_outputs, sums);
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::Add(sums[m][v], initial(m, v));
    }
  }
  const size_t first = Tile::Element(0, first_output, 0);
  if (call.epilogue == Epilogue::kTanh) {
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(FastTanh(d, sums[m][v]), d, call.outputs + first + Tile::Element(0, m, v));
      }
    }
    return;
  }
  ROLLOUT_UNROLL
  for (int m = 0; m < kOutputs; ++m) {
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const size_t at = first + Tile::Element(0, m, v);
      hn::Store(Finish(sums[m][v], call.epilogue, call.activations + at), d, call.outputs + at);
    }
  }
}

// With 16 registers only four outputs of two vectors fit.
template <int kVectors>
inline constexpr int kRegisterOutputs = kVectorLanes == 8 && kVectors == 2 ? 4 : kLaneBlock;

template <int kVectors>
void Dense(LaneTile<kVectors> /*tile*/, const DenseCall& call) {
  constexpr int kMost = kRegisterOutputs<kVectors>;
  const PackedLayer& layer = *call.layer;
  const float* weights = layer.lane_weights.data();
  for (int block = 0; block < layer.outputs; block += kLaneBlock) {
    const int block_outputs = HWY_MIN(kLaneBlock, layer.outputs - block);
    for (int m = 0; m < block_outputs; m += kMost) {
      const float* w = weights + m;
      const int first = block + m;
      switch (HWY_MIN(kMost, block_outputs - m)) {
        case 8:
          LaneBlock<HWY_MIN(8, kMost), kVectors>(call, w, block_outputs, first);
          break;
        case 7:
          LaneBlock<HWY_MIN(7, kMost), kVectors>(call, w, block_outputs, first);
          break;
        case 6:
          LaneBlock<HWY_MIN(6, kMost), kVectors>(call, w, block_outputs, first);
          break;
        case 5:
          LaneBlock<HWY_MIN(5, kMost), kVectors>(call, w, block_outputs, first);
          break;
        case 4:
          LaneBlock<4, kVectors>(call, w, block_outputs, first);
          break;
        case 3:
          LaneBlock<3, kVectors>(call, w, block_outputs, first);
          break;
        case 2:
          LaneBlock<2, kVectors>(call, w, block_outputs, first);
          break;
        default:
          LaneBlock<1, kVectors>(call, w, block_outputs, first);
      }
    }
    weights += size_t(block_outputs) * layer.inputs;
  }
}

// ------------------------------------------------------------------ vectors over outputs

// `kVectors` vectors of outputs of `kLanes` lanes in `kChains` partial sums each.
template <int kVectors, int kLanes, int kChains>
HWY_NOINLINE void OutputBlock(const DenseCall& call, const float* HWY_RESTRICT weights,
                              int first_output) {
  const FloatTag d;
  constexpr ptrdiff_t kStep = ptrdiff_t(kVectors) * kVectorLanes;
  const ptrdiff_t stride = Padded(call.layer->inputs);
  const ptrdiff_t output_stride = call.layer->padded_outputs;
  const int count = call.end_input - call.first_input;
  const float* HWY_RESTRICT inputs = call.inputs + call.first_input;
  weights += call.first_input * kStep;
  FloatVec sums[kChains][kVectors][kLanes];
  const auto initial = [&](int v, int lane) HWY_ATTR {
    const int output = first_output + v * kVectorLanes;
    return call.initial != nullptr ? hn::Load(d, call.initial + lane * output_stride + output)
                                   : hn::Load(d, call.layer->bias.data() + output);
  };
  ROLLOUT_UNROLL
  for (int chain = 0; chain < kChains; ++chain) {
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      ROLLOUT_UNROLL
      for (int lane = 0; lane < kLanes; ++lane) {
        sums[chain][v][lane] = kChains == 1 ? initial(v, lane) : hn::Zero(d);
      }
    }
  }
  const auto add = [&](int chain, const float* w, const float* x) HWY_ATTR {
    FloatVec input[kLanes];
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) input[lane] = hn::Set(d, x[lane * stride]);
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const FloatVec weight = hn::Load(d, w + v * kVectorLanes);
      ROLLOUT_UNROLL
      for (int lane = 0; lane < kLanes; ++lane) {
        sums[chain][v][lane] = hn::MulAdd(weight, input[lane], sums[chain][v][lane]);
      }
    }
  };
  if (kChains == 1) {
    const bool descending = call.descending;
    const float* w = weights + (descending ? kStep * (count - 1) : 0);
    const float* x = inputs + (descending ? count - 1 : 0);
    const ptrdiff_t weight_step = descending ? -kStep : kStep;
    const ptrdiff_t input_step = descending ? -1 : 1;
    for (int k = 0; k < count; ++k, w += weight_step, x += input_step) add(0, w, x);
  } else {
    int k = 0;
    for (; k + kChains <= count; k += kChains) {
      ROLLOUT_UNROLL
      for (int chain = 0; chain < kChains; ++chain) {
        add(chain, weights + (k + chain) * kStep, inputs + k + chain);
      }
    }
    ROLLOUT_UNROLL
    for (int chain = 0; chain < kChains; ++chain) {
      if (k + chain < count) add(chain, weights + (k + chain) * kStep, inputs + k + chain);
    }
    ROLLOUT_UNROLL
    for (int half = kChains / 2; half > 0; half /= 2) {
      ROLLOUT_UNROLL
      for (int chain = 0; chain < half; ++chain) {
        ROLLOUT_UNROLL
        for (int v = 0; v < kVectors; ++v) {
          ROLLOUT_UNROLL
          for (int lane = 0; lane < kLanes; ++lane) {
            sums[chain][v][lane] = hn::Add(sums[chain][v][lane], sums[chain + half][v][lane]);
          }
        }
      }
    }
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      ROLLOUT_UNROLL
      for (int lane = 0; lane < kLanes; ++lane) {
        sums[0][v][lane] = hn::Add(sums[0][v][lane], initial(v, lane));
      }
    }
  }
  ROLLOUT_UNROLL
  for (int v = 0; v < kVectors; ++v) {
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) {
      const ptrdiff_t at = lane * output_stride + first_output + v * kVectorLanes;
      hn::Store(Finish(sums[0][v][lane], call.epilogue, call.activations + at), d,
                call.outputs + at);
    }
  }
}

template <int kLanes>
void Dense(OutputTile<kLanes> /*tile*/, const DenseCall& call) {
  const PackedLayer& layer = *call.layer;
  const float* weights = layer.output_weights.data();
  int first = 0;
  for (int vectors : layer.output_blocks) {
    // The number of chains follows from the layer's width, and so do the cases that exist.
    switch (layer.chains == 1 ? vectors : -layer.chains * 10 - vectors) {
      case 8:
        OutputBlock<8, kLanes, 1>(call, weights, first);
        break;
      case 7:
        OutputBlock<7, kLanes, 1>(call, weights, first);
        break;
      case 6:
        OutputBlock<6, kLanes, 1>(call, weights, first);
        break;
      case 5:
        OutputBlock<5, kLanes, 1>(call, weights, first);
        break;
      case 4:
        OutputBlock<4, kLanes, 1>(call, weights, first);
        break;
      case -24:
        OutputBlock<4, kLanes, 2>(call, weights, first);
        break;
      case -23:
        OutputBlock<3, kLanes, 2>(call, weights, first);
        break;
      case -42:
        OutputBlock<2, kLanes, 4>(call, weights, first);
        break;
      default:
        OutputBlock<1, kLanes, 8>(call, weights, first);
    }
    weights += size_t(vectors) * kVectorLanes * layer.inputs;
    first += vectors * kVectorLanes;
  }
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
