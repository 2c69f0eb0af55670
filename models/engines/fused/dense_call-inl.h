// y = epilogue(W x + b) for all lanes of a tile: where the time goes. Sums stay in registers; every
// loop over them is unrolled, or they would live in memory (measured: 2.7 times slower).
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_DENSE_CALL_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_DENSE_CALL_INL_H_
#undef ROLLOUT_FUSED_DENSE_CALL_INL_H_
#else
#define ROLLOUT_FUSED_DENSE_CALL_INL_H_
#endif

#include <cstddef>
#include <cstdint>

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

// Inputs that are summed in ascending order in any case: caches fetch ahead upwards, and a walk
// straight down through weights that L1 does not hold takes half as long again (measured).
inline constexpr int kInputGroup = 32;

// One layer's product as a tile computes it.
struct DenseCall {
  const PackedLayer* layer = nullptr;
  // Of the layer's inputs, those in [first_input, end_input) are summed.
  int first_input = 0;
  int end_input = 0;
  // Of the layer's inputs, those in [first_lead, end_lead) are summed before these (layers of one
  // chain only).
  int first_lead = 0;
  int end_lead = 0;
  // Sums groups of kInputGroup inputs in descending order (layers of one chain only). Every other
  // evaluation of a rollout does so: what it reads first is then what the cache still holds.
  bool descending = false;
  const float* inputs = nullptr;   // [layer->inputs] of every lane
  const float* initial = nullptr;  // [outputs] of every lane, in place of the bias
  float* outputs = nullptr;        // [outputs] of every lane
  Epilogue epilogue = Epilogue::kNone;
  // For kTanh, [outputs] of every lane: where the results go as well, for the way back; nullptr:
  // nowhere.
  float* record = nullptr;
  const float* activations = nullptr;  // [outputs] of every lane, for kTanhSlope
  // Numbers from `activations` back to those that the next call like this one will read.
  ptrdiff_t record_step = 0;
};

// Records of many lanes are more than caches hold until they are read again: past them. A store
// between products costs little, all of an evaluation's one after the other a third of it.
HWY_INLINE void Record(FloatVec values, float* out) { hn::Stream(values, FloatTag(), out); }

// Asks for a vector of the next call's activations, which come from memory: an evaluation ahead.
HWY_INLINE void FetchAhead(const DenseCall& call, ptrdiff_t at) {
  const uintptr_t here = reinterpret_cast<uintptr_t>(call.activations + at);
  constexpr int kRead = 0;
  constexpr int kIntoSecondLevel = 2;
  __builtin_prefetch(reinterpret_cast<const void*>(here - call.record_step * sizeof(float)), kRead,
                     kIntoSecondLevel);
}

// The groups of `count` inputs in the order in which they are summed:
// for (InputGroups group(...); group.first >= 0; group.Next()).
struct InputGroups {
  HWY_INLINE InputGroups(int count, bool descending)
      : first(descending && count > 0 ? (count - 1) / kInputGroup * kInputGroup : 0),
        size(count - first) {}
  HWY_INLINE void Next() {
    first -= kInputGroup;
    size = kInputGroup;
  }

  int first;
  int size;
};

HWY_INLINE FloatVec Finish(FloatVec sum, Epilogue epilogue, const float* activations,
                           ptrdiff_t at) {
  const FloatTag d;
  switch (epilogue) {
    case Epilogue::kNone:
      return sum;
    case Epilogue::kTanh:
      return FastTanh(d, sum);
    case Epilogue::kTanhSlope: {
      const FloatVec h = hn::Load(d, activations + at);
      return hn::Mul(sum, hn::NegMulAdd(h, h, hn::Set(d, 1.0f)));
    }
  }
  return sum;
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
