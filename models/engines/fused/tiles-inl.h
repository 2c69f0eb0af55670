// How the numbers of several lanes lie in memory while they are computed. Two ways, one interface:
//
//   LaneTile    vectors over lanes:   [number][lane]    many lanes; a weight meets a vector of
//   lanes OutputTile  vectors over numbers: [lane][number]    few lanes; a number meets a vector of
//   weights
//
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILES_INL_H_
#undef ROLLOUT_FUSED_TILES_INL_H_
#else
#define ROLLOUT_FUSED_TILES_INL_H_
#endif

#include <cstddef>

#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

using FloatTag = hn::ScalableTag<float>;
using FloatVec = hn::Vec<FloatTag>;
inline constexpr int kVectorLanes = static_cast<int>(hn::MaxLanes(FloatTag()));

constexpr int Padded(int count) { return (count + kVectorLanes - 1) / kVectorLanes * kVectorLanes; }

// An array of a tile holds `count` numbers of every lane. The same elementwise code serves both
// tiles: whole arrays by vectors (Vectors, Constants), or number by number (kElements, Element).
template <int kVectors>
struct LaneTile {
  static constexpr int kLanes = kVectors * kVectorLanes;
  // One number of all lanes is kElements values of ElementTag.
  static constexpr int kElements = kVectors;
  using ElementTag = FloatTag;
  // Two arrays, one right after the other, are one array of both's numbers.
  static constexpr bool kArraysJoin = true;

  static size_t Size(int count) { return static_cast<size_t>(count) * kLanes; }
  static int Vectors(int count) { return count * kVectors; }
  static size_t Element(int /*count*/, int index, int element) {
    return static_cast<size_t>(index) * kLanes + element * kVectorLanes;
  }
  static size_t Lane(int /*count*/, int index, int lane) {
    return static_cast<size_t>(index) * kLanes + lane;
  }
  // Vector `i` of an array in which every lane holds `values` [count].
  static HWY_INLINE FloatVec Constants(const float* values, int /*count*/, int i) {
    return hn::Set(FloatTag(), values[i / kVectors]);
  }
};

template <int kTileLanes>
struct OutputTile {
  static constexpr int kLanes = kTileLanes;
  static constexpr int kElements = kTileLanes;
  using ElementTag = hn::CappedTag<float, 1>;
  static constexpr bool kArraysJoin = false;

  static size_t Size(int count) { return static_cast<size_t>(kLanes) * Padded(count); }
  static int Vectors(int count) { return kLanes * (Padded(count) / kVectorLanes); }
  static size_t Element(int count, int index, int element) {
    return static_cast<size_t>(element) * Padded(count) + index;
  }
  static size_t Lane(int count, int index, int lane) { return Element(count, index, lane); }
  static HWY_INLINE FloatVec Constants(const float* values, int count, int i) {
    return hn::Load(FloatTag(), values + i % (Padded(count) / kVectorLanes) * kVectorLanes);
  }
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
