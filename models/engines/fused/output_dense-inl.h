// Dense (see dense_call-inl.h) in vectors over outputs.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_OUTPUT_DENSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_OUTPUT_DENSE_INL_H_
#undef ROLLOUT_FUSED_OUTPUT_DENSE_INL_H_
#else
#define ROLLOUT_FUSED_OUTPUT_DENSE_INL_H_
#endif

#include <cstdint>
#include <cstring>

#include "models/engines/fused/dense_call-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// `kVectors` vectors of outputs, from `first_output` on, of `kLanes` lanes, from `first_lane` on,
// in `kChains` partial sums each. The weights of neighbouring inputs are `weight_step` apart.
template <int kVectors, int kLanes, int kChains>
HWY_NOINLINE void OutputBlock(const DenseCall& call, const float* HWY_RESTRICT weights,
                              ptrdiff_t weight_step, int first_output, int first_lane) {
  const FloatTag d;
  const ptrdiff_t stride = Padded(call.layer->inputs);
  const ptrdiff_t output_stride = call.layer->padded_outputs;
  const ptrdiff_t first = first_lane * output_stride + first_output;
  const int count = call.end_input - call.first_input;
  const float* HWY_RESTRICT lead_inputs = call.inputs + first_lane * stride;
  const float* HWY_RESTRICT inputs = lead_inputs + call.first_input;
  const float* HWY_RESTRICT lead_weights = weights;
  weights += call.first_input * weight_step;
  if (call.record_step != 0) {
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        FetchAhead(call, first + lane * output_stride + v * kVectorLanes);
      }
    }
  }
  FloatVec sums[kChains][kVectors][kLanes];
  const auto initial = [&](int v, int lane) HWY_ATTR {
    const ptrdiff_t vector = v * kVectorLanes;
    return call.initial != nullptr
               ? hn::Load(d, call.initial + first + lane * output_stride + vector)
               : hn::Load(d, call.layer->bias.data() + first_output + vector);
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
    for (int k = call.first_lead; k < call.end_lead; ++k) {
      add(0, lead_weights + k * weight_step, lead_inputs + k);
    }
    for (InputGroups group(count, call.descending); group.first >= 0; group.Next()) {
      const float* w = weights + weight_step * group.first;
      const float* x = inputs + group.first;
      for (int k = 0; k < group.size; ++k, w += weight_step, ++x) add(0, w, x);
    }
  } else {
    int k = 0;
    for (; k + kChains <= count; k += kChains) {
      ROLLOUT_UNROLL
      for (int chain = 0; chain < kChains; ++chain) {
        add(chain, weights + (k + chain) * weight_step, inputs + k + chain);
      }
    }
    ROLLOUT_UNROLL
    for (int chain = 0; chain < kChains; ++chain) {
      if (k + chain < count) add(chain, weights + (k + chain) * weight_step, inputs + k + chain);
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
      const ptrdiff_t at = first + lane * output_stride + v * kVectorLanes;
      const FloatVec y = Finish(sums[0][v][lane], call.epilogue, call.activations, at);
      hn::Store(y, d, call.outputs + at);
      if (call.record != nullptr) Record(y, call.record + at);
    }
  }
}

#if HWY_TARGET != HWY_SCALAR  // which has no shuffles, and for which no kernel is made of this
// A layer of at most half a vector of outputs, in eight partial sums: two inputs in one vector, of
// each output the even sum beside the odd one.
template <int kLanes>
HWY_NOINLINE void OutputPairs(const DenseCall& call, int first_lane) {
  constexpr int kSums = 4;  // of pairs; eight chains
  const FloatTag d;
  const hn::Repartition<uint64_t, FloatTag> d_pair;
  const ptrdiff_t stride = Padded(call.layer->inputs);
  const ptrdiff_t output_stride = call.layer->padded_outputs;
  const int count = call.layer->inputs;
  const int pairs = count / 2;
  const float* HWY_RESTRICT weights = call.layer->output_weights.data();
  const float* HWY_RESTRICT inputs = call.inputs + first_lane * stride;
  FloatVec sums[kSums][kLanes];
  ROLLOUT_UNROLL
  for (int i = 0; i < kSums; ++i) {
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) sums[i][lane] = hn::Zero(d);
  }
  const auto add = [&](int i, int pair) HWY_ATTR {
    const FloatVec weight = hn::Load(d, weights + ptrdiff_t(pair) * kVectorLanes);
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) {
      uint64_t two;
      std::memcpy(&two, inputs + lane * stride + 2 * pair, sizeof two);
      const FloatVec input = hn::BitCast(d, hn::Set(d_pair, two));
      sums[i][lane] = hn::MulAdd(weight, input, sums[i][lane]);
    }
  };
  int pair = 0;
  for (; pair + kSums <= pairs; pair += kSums) {
    ROLLOUT_UNROLL
    for (int i = 0; i < kSums; ++i) add(i, pair + i);
  }
  ROLLOUT_UNROLL
  for (int i = 0; i < kSums; ++i) {
    if (pair + i < pairs) add(i, pair + i);
    if (pair + i != pairs || count % 2 == 0) continue;
    // One input is left over: only the even sums take it.
    const FloatVec weight = hn::Load(d, weights + ptrdiff_t(pairs) * kVectorLanes);
    ROLLOUT_UNROLL
    for (int lane = 0; lane < kLanes; ++lane) {
      const FloatVec input = hn::Set(d, inputs[lane * stride + count - 1]);
      sums[i][lane] = hn::OddEven(sums[i][lane], hn::MulAdd(weight, input, sums[i][lane]));
    }
  }
  ROLLOUT_UNROLL
  for (int lane = 0; lane < kLanes; ++lane) {
    const FloatVec both =
        hn::Add(hn::Add(sums[0][lane], sums[2][lane]), hn::Add(sums[1][lane], sums[3][lane]));
    const FloatVec sum = hn::Add(both, hn::Shuffle2301(both));
    const ptrdiff_t at = (first_lane + lane) * output_stride;
    const float* initial = call.initial != nullptr ? call.initial + at : call.layer->bias.data();
    const FloatVec result = hn::Add(hn::ConcatEven(d, sum, sum), hn::Load(d, initial));
    const FloatVec y = Finish(result, call.epilogue, call.activations, at);
    hn::Store(y, d, call.outputs + at);
    if (call.record != nullptr) Record(y, call.record + at);
  }
}

#endif

// Sums that fit into the registers beside weights and inputs.
inline constexpr int kRegisterSums = kVectorLanes == 16 ? 16 : 8;

// A block of outputs with several partial sums each: as many lanes at a time as fit.
template <int kVectors, int kLanes, int kChains>
HWY_INLINE void OutputChains(const DenseCall& call, const float* weights, int first_output) {
  constexpr int kAtOnce = HWY_MIN(kLanes, HWY_MAX(1, kRegisterSums / (kVectors * kChains)));
  for (int lane = 0; lane < kLanes; lane += kAtOnce) {
    OutputBlock<kVectors, kAtOnce, kChains>(call, weights, kVectors * kVectorLanes, first_output,
                                            lane);
  }
}

// A block of outputs with one sum each: all lanes, as many vectors at a time as fit.
template <int kLanes>
HWY_INLINE void OutputSums(const DenseCall& call, const float* weights, int vectors,
                           int first_output) {
  constexpr int kMost = HWY_MIN(kOutputBlock, kRegisterSums / kLanes);
  const ptrdiff_t step = ptrdiff_t(vectors) * kVectorLanes;
  for (int v = 0; v < vectors; v += kMost) {
    const float* w = weights + v * kVectorLanes;
    const int first = first_output + v * kVectorLanes;
    switch (HWY_MIN(kMost, vectors - v)) {
      case 8:
        OutputBlock<HWY_MIN(8, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 7:
        OutputBlock<HWY_MIN(7, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 6:
        OutputBlock<HWY_MIN(6, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 5:
        OutputBlock<HWY_MIN(5, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 4:
        OutputBlock<HWY_MIN(4, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 3:
        OutputBlock<HWY_MIN(3, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      case 2:
        OutputBlock<HWY_MIN(2, kMost), kLanes, 1>(call, w, step, first, 0);
        break;
      default:
        OutputBlock<1, kLanes, 1>(call, w, step, first, 0);
    }
  }
}

template <int kLanes>
void Dense(OutputTile<kLanes> /*tile*/, const DenseCall& call) {
  const PackedLayer& layer = *call.layer;
#if HWY_TARGET != HWY_SCALAR
  if (layer.pairs_inputs) {
    constexpr int kAtOnce = HWY_MIN(kLanes, kRegisterSums / 4);
    for (int lane = 0; lane < kLanes; lane += kAtOnce) OutputPairs<kAtOnce>(call, lane);
    return;
  }
#endif
  const float* weights = layer.output_weights.data();
  int first = 0;
  for (int vectors : layer.output_blocks) {
    // The number of chains follows from the layer's width; there is one block where there are two
    // or more of them.
    if (layer.chains == 1) {
      OutputSums<kLanes>(call, weights, vectors, first);
    } else if (vectors == 1) {
      OutputChains<1, kLanes, 8>(call, weights, first);
    } else if (vectors == 2) {
      OutputChains<2, kLanes, 4>(call, weights, first);
    } else if (vectors == 3) {
      OutputChains<3, kLanes, 2>(call, weights, first);
    } else {
      OutputChains<4, kLanes, 2>(call, weights, first);
    }
    weights += size_t(vectors) * kVectorLanes * layer.inputs;
    first += vectors * kVectorLanes;
  }
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
