// Dense (see dense_call-inl.h) in vectors over lanes.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_LANE_DENSE_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_LANE_DENSE_INL_H_
#undef ROLLOUT_FUSED_LANE_DENSE_INL_H_
#else
#define ROLLOUT_FUSED_LANE_DENSE_INL_H_
#endif

#include <cstddef>

#include "models/engines/fused/dense_call-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Outputs whose tanh is still to be taken, in place: the block before the one at hand. Its table
// lookups go to other units than multiply-adds, so taken between these they cost half (measured).
struct PendingTanh {
  float* values = nullptr;
  int vectors = 0;
  float* record = nullptr;

  HWY_INLINE void TakeOne() {
    const FloatTag d;
    const FloatVec h = FastTanh(d, hn::Load(d, values));
    hn::Store(h, d, values);
    values += kVectorLanes;
    if (record != nullptr) {
      Record(h, record);
      record += kVectorLanes;
    }
    --vectors;
  }
};

// The products of some inputs with the weights of a block of outputs: where both lie.
struct LaneProducts {
  const float* HWY_RESTRICT weights;
  ptrdiff_t weight_step;  // between neighbouring inputs
  const float* HWY_RESTRICT inputs;
  ptrdiff_t input_step;

  // sums[m][v] += weights[m] * inputs[v]; steps to the next input.
  template <int kOutputs, int kVectors>
  HWY_INLINE void Add(FloatVec (&sums)[kOutputs][kVectors]) {
    const FloatTag d;
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
};

// Adds kInputs products, takes kTanh pending vectors, and so on while there are enough of both.
template <int kInputs, int kTanh, int kOutputs, int kVectors>
HWY_INLINE void Interleave(LaneProducts& products, int& count, PendingTanh& pending,
                           FloatVec (&sums)[kOutputs][kVectors]) {
  for (; count >= kInputs && pending.vectors >= kTanh; count -= kInputs) {
    HWY_PRAGMA(GCC unroll 2)
    for (int i = 0; i < kInputs; ++i) products.Add(sums);
    ROLLOUT_UNROLL
    for (int i = 0; i < kTanh; ++i) pending.TakeOne();
  }
}

// Adds `count` products, and takes of what is pending between them; `inputs_left` tells how many
// products there are to come, these included.
template <int kOutputs, int kVectors>
HWY_INLINE void AddLaneProducts(LaneProducts products, int count, int inputs_left,
                                PendingTanh& pending, FloatVec (&sums)[kOutputs][kVectors]) {
  if (inputs_left >= 8 * pending.vectors) {
    Interleave<8, 1>(products, count, pending, sums);
  } else if (inputs_left >= 2 * pending.vectors) {
    Interleave<2, 1>(products, count, pending, sums);
  } else {
    Interleave<1, 2>(products, count, pending, sums);
  }
  for (; count > 0; --count) products.Add(sums);
}

// The partial sums of all chains, folded: sums over k = 0, chains, 2 chains ...; then 1, ... .
template <int kOutputs, int kVectors>
HWY_INLINE void FoldLaneChains(const DenseCall& call, const float* weights, int block_outputs,
                               PendingTanh& pending_tanh, FloatVec (&sums)[kOutputs][kVectors]) {
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
    LaneProducts products{weights + ptrdiff_t(chain) * block_outputs,
                          ptrdiff_t(chains) * block_outputs,
                          call.inputs + ptrdiff_t(call.first_input + chain) * Tile::kLanes,
                          ptrdiff_t(chains) * Tile::kLanes};
    AddLaneProducts(products, length, length, pending_tanh, sums);
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
                            int first_output, PendingTanh pending) {
  using Tile = LaneTile<kVectors>;
  const FloatTag d;
  const int count = call.end_input - call.first_input;
  if (call.record_step != 0) {
    ROLLOUT_UNROLL
    for (int i = 0; i < kOutputs * kVectors; ++i) {
      FetchAhead(call, Tile::Element(0, first_output, 0) + i * kVectorLanes);
    }
  }
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
    const auto products = [&](ptrdiff_t first) HWY_ATTR {
      return LaneProducts{weights + first * block_outputs, block_outputs,
                          call.inputs + first * Tile::kLanes, Tile::kLanes};
    };
    LaneProducts lead = products(call.first_lead);
    for (int k = call.first_lead; k < call.end_lead; ++k) lead.Add(sums);
    int inputs_left = count;
    for (InputGroups group(count, call.descending); group.first >= 0; group.Next()) {
      AddLaneProducts(products(call.first_input + group.first), group.size, inputs_left, pending,
                      sums);
      inputs_left -= group.size;
    }
  } else {
    FoldLaneChains<kOutputs, kVectors>(call, weights + ptrdiff_t(call.first_input) * block_outputs,
                                       block_outputs, pending, sums);
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) sums[m][v] = hn::Add(sums[m][v], initial(m, v));
    }
  }
  while (pending.vectors > 0) pending.TakeOne();
  const size_t first = Tile::Element(0, first_output, 0);
  if (call.epilogue == Epilogue::kTanh) {  // left pending
    ROLLOUT_UNROLL
    for (int m = 0; m < kOutputs; ++m) {
      ROLLOUT_UNROLL
      for (int v = 0; v < kVectors; ++v) {
        hn::Store(sums[m][v], d, call.outputs + first + Tile::Element(0, m, v));
      }
    }
    return;
  }
  ROLLOUT_UNROLL
  for (int m = 0; m < kOutputs; ++m) {
    ROLLOUT_UNROLL
    for (int v = 0; v < kVectors; ++v) {
      const size_t at = first + Tile::Element(0, m, v);
      hn::Store(Finish(sums[m][v], call.epilogue, call.activations, at), d, call.outputs + at);
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
  const bool is_tanh = call.epilogue == Epilogue::kTanh;
  const float* weights = layer.lane_weights.data();
  PendingTanh pending;
  for (int block = 0; block < layer.outputs; block += kLaneBlock) {
    const int block_outputs = HWY_MIN(kLaneBlock, layer.outputs - block);
    for (int m = 0; m < block_outputs; m += kMost) {
      const float* w = weights + m;
      const int first = block + m;
      const int outputs = HWY_MIN(kMost, block_outputs - m);
      switch (outputs) {
        case 8:
          LaneBlock<HWY_MIN(8, kMost), kVectors>(call, w, block_outputs, first, pending);
          break;
        case 7:
          LaneBlock<HWY_MIN(7, kMost), kVectors>(call, w, block_outputs, first, pending);
          break;
        case 6:
          LaneBlock<HWY_MIN(6, kMost), kVectors>(call, w, block_outputs, first, pending);
          break;
        case 5:
          LaneBlock<HWY_MIN(5, kMost), kVectors>(call, w, block_outputs, first, pending);
          break;
        case 4:
          LaneBlock<4, kVectors>(call, w, block_outputs, first, pending);
          break;
        case 3:
          LaneBlock<3, kVectors>(call, w, block_outputs, first, pending);
          break;
        case 2:
          LaneBlock<2, kVectors>(call, w, block_outputs, first, pending);
          break;
        default:
          LaneBlock<1, kVectors>(call, w, block_outputs, first, pending);
      }
      if (is_tanh) {
        const size_t at = LaneTile<kVectors>::Element(0, first, 0);
        pending = {call.outputs + at, outputs * kVectors,
                   call.record == nullptr ? nullptr : call.record + at};
      }
    }
    weights += size_t(block_outputs) * layer.inputs;
  }
  while (pending.vectors > 0) pending.TakeOne();
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
