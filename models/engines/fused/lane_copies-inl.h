// Copies lanes, one after the other in memory, to a tile's array and back.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_LANE_COPIES_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_LANE_COPIES_INL_H_
#undef ROLLOUT_FUSED_LANE_COPIES_INL_H_
#else
#define ROLLOUT_FUSED_LANE_COPIES_INL_H_
#endif

#include <algorithm>

#include "models/engines/fused/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET != HWY_SCALAR  // which has no shuffles, and for which no kernel is made of this
// to[i * to_stride + j] = from[j * from_stride + i] for i, j < 4.
HWY_INLINE void Transpose4(const float* from, size_t from_stride, float* to, size_t to_stride) {
  const hn::CappedTag<float, 4> d;
  const hn::RepartitionToWide<decltype(d)> d_pair;
  const auto row0 = hn::LoadU(d, from);
  const auto row1 = hn::LoadU(d, from + from_stride);
  const auto row2 = hn::LoadU(d, from + 2 * from_stride);
  const auto row3 = hn::LoadU(d, from + 3 * from_stride);
  const auto low01 = hn::BitCast(d_pair, hn::InterleaveLower(d, row0, row1));
  const auto low23 = hn::BitCast(d_pair, hn::InterleaveLower(d, row2, row3));
  const auto high01 = hn::BitCast(d_pair, hn::InterleaveUpper(d, row0, row1));
  const auto high23 = hn::BitCast(d_pair, hn::InterleaveUpper(d, row2, row3));
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d_pair, low01, low23)), d, to);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d_pair, low01, low23)), d, to + to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveLower(d_pair, high01, high23)), d, to + 2 * to_stride);
  hn::StoreU(hn::BitCast(d, hn::InterleaveUpper(d_pair, high01, high23)), d, to + 3 * to_stride);
}

// to[i * to_stride + j] = from[j * from_stride + i] for i < columns, j < rows.
HWY_INLINE void Transpose(const float* from, size_t from_stride, int rows, int columns, float* to,
                          size_t to_stride) {
  for (int j = 0; j < rows; j += 4) {
    const bool is_whole = j + 4 <= rows;
    int i = 0;
    for (; is_whole && i + 4 <= columns; i += 4) {
      Transpose4(from + j * from_stride + i, from_stride, to + i * to_stride + j, to_stride);
    }
    for (; i < columns; ++i) {
      for (int row = j; row < std::min(j + 4, rows); ++row) {
        to[i * to_stride + row] = from[row * from_stride + i];
      }
    }
  }
}

// `array` [count] of every lane <- `from` [lanes, stride], of each lane the first `count` numbers;
// zeros for the lanes that the tile has beyond these.
template <int kVectors>
void LoadLanes(LaneTile<kVectors> /*tile*/, const float* from, int stride, int count, int lanes,
               float* array) {
  using Tile = LaneTile<kVectors>;
  if (lanes < Tile::kLanes) std::fill_n(array, Tile::Size(count), 0.0f);
  Transpose(from, stride, lanes, count, array, Tile::kLanes);
}

template <int kVectors>
void StoreLanes(LaneTile<kVectors> /*tile*/, const float* array, int count, int lanes, float* to,
                int stride) {
  Transpose(array, LaneTile<kVectors>::kLanes, count, lanes, to, stride);
}

template <int kLanes>
void LoadLanes(OutputTile<kLanes> /*tile*/, const float* from, int stride, int count, int lanes,
               float* array) {
  if (lanes < kLanes) std::fill_n(array, OutputTile<kLanes>::Size(count), 0.0f);
  for (int lane = 0; lane < lanes; ++lane) {
    std::copy_n(from + size_t(lane) * stride, count, array + lane * Padded(count));
  }
}

template <int kLanes>
void StoreLanes(OutputTile<kLanes> /*tile*/, const float* array, int count, int lanes, float* to,
                int stride) {
  for (int lane = 0; lane < lanes; ++lane) {
    std::copy_n(array + lane * Padded(count), count, to + size_t(lane) * stride);
  }
}
#endif

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
