#include "trainer/arithmetic/matrix_product.h"

#include <algorithm>

// The vector part below is compiled once for every kind of processor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/arithmetic/matrix_product.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"

HWY_BEFORE_NAMESPACE();
namespace rollout {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;

// Rows of a tile: with its two vectors of columns, the accumulators fill half of the registers of
// AVX-512 (32) and of AVX2 and SSE (16).
constexpr int kTileRows = HWY_TARGET <= HWY_AVX3 ? 8 : 4;

int TileRows() { return kTileRows; }
int VectorLanes() { return static_cast<int>(hn::Lanes(FloatTag())); }

// c [kRows, columns] = a * panel, or that much more where `add`, where a's element (i, k) is a[i *
// row_stride + k * inner_stride] and panel's (k, j) is panel[k * width + j], width = kVectors
// vectors >= columns.
template <int kRows, int kVectors>
void MultiplyTile(int inner, const float* a, size_t row_stride, size_t inner_stride,
                  const float* panel, int columns, bool add, float* c, size_t c_stride) {
  const FloatTag d;
  using Vector = hn::Vec<FloatTag>;
  const size_t lanes = hn::Lanes(d);
  const bool whole = static_cast<size_t>(columns) == kVectors * lanes;
  HWY_ALIGN float edge[kRows * kVectors * HWY_MAX_BYTES / sizeof(float)];
  Vector sums[kRows][kVectors];
  if (!add) {
    for (int row = 0; row < kRows; ++row) {
      for (int vector = 0; vector < kVectors; ++vector) sums[row][vector] = hn::Zero(d);
    }
  } else {
    const float* from = c;
    size_t from_stride = c_stride;
    if (!whole) {
      std::fill_n(edge, kRows * kVectors * lanes, 0.0f);
      for (int row = 0; row < kRows; ++row) {
        std::copy_n(c + row * c_stride, columns, edge + row * kVectors * lanes);
      }
      from = edge;
      from_stride = kVectors * lanes;
    }
    for (int row = 0; row < kRows; ++row) {
      for (int vector = 0; vector < kVectors; ++vector) {
        sums[row][vector] = hn::LoadU(d, from + row * from_stride + vector * lanes);
      }
    }
  }
  for (int k = 0; k < inner; ++k) {
    Vector b[kVectors];
    for (int vector = 0; vector < kVectors; ++vector) {
      b[vector] = hn::Load(d, panel + vector * lanes);
    }
    for (int row = 0; row < kRows; ++row) {
      const Vector element = hn::Set(d, a[row * row_stride]);
      for (int vector = 0; vector < kVectors; ++vector) {
        sums[row][vector] = hn::MulAdd(element, b[vector], sums[row][vector]);
      }
    }
    panel += kVectors * lanes;
    a += inner_stride;
  }
  if (whole) {
    for (int row = 0; row < kRows; ++row) {
      for (int vector = 0; vector < kVectors; ++vector) {
        hn::StoreU(sums[row][vector], d, c + row * c_stride + vector * lanes);
      }
    }
    return;
  }
  for (int row = 0; row < kRows; ++row) {
    for (int vector = 0; vector < kVectors; ++vector) {
      hn::Store(sums[row][vector], d, edge + vector * lanes);
    }
    std::copy_n(edge, columns, c + row * c_stride);
  }
}

// As many tiles of kRows rows as there is room for from `*row` on, which moves behind them. `a` is
// as in MultiplyTile, except that where `packed`, each kTileRows rows start a block of their own.
template <int kRows, int kVectors>
void MultiplyTiles(int rows, int inner, const float* a, size_t row_stride, size_t inner_stride,
                   bool packed, const float* panel, int columns, bool add, float* c,
                   size_t c_stride, int* row) {
  for (; *row + kRows <= rows; *row += kRows) {
    const size_t offset =
        packed ? static_cast<size_t>(*row / kTileRows) * kTileRows * inner + *row % kTileRows
               : *row * row_stride;
    MultiplyTile<kRows, kVectors>(inner, a + offset, row_stride, inner_stride, panel, columns, add,
                                  c + *row * c_stride, c_stride);
  }
}

template <int kVectors>
void MultiplyPanel(int rows, int inner, const float* a, size_t row_stride, size_t inner_stride,
                   bool packed, const float* panel, int columns, bool add, float* c,
                   size_t c_stride) {
  int row = 0;
  MultiplyTiles<kTileRows, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel,
                                     columns, add, c, c_stride, &row);
  MultiplyTiles<4, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, add,
                             c, c_stride, &row);
  MultiplyTiles<2, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, add,
                             c, c_stride, &row);
  MultiplyTiles<1, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, add,
                             c, c_stride, &row);
}

void MultiplyOnePanel(int vectors, int rows, int inner, const float* a, size_t row_stride,
                      size_t inner_stride, bool packed, const float* panel, int columns, bool add,
                      float* c, size_t c_stride) {
  if (vectors == 1) {
    MultiplyPanel<1>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, add, c,
                     c_stride);
  } else {
    MultiplyPanel<2>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, add, c,
                     c_stride);
  }
}

// Blocks of kTileRows rows of a transposed left operand, each [inner, kTileRows], of `from`, whose
// row k holds what inner index k has of all rows: reading it in place would touch one cache line
// for every inner index and tile. Two blocks at a time read whole lines.
void PackTransposedRows(int rows, int inner, const float* from, size_t stride, float* packed) {
  const hn::CappedTag<float, kTileRows> d;
  constexpr int kStep = static_cast<int>(hn::MaxLanes(d));
  int first = 0;
  for (; first + 2 * kTileRows <= rows; first += 2 * kTileRows) {
    float* one = packed + static_cast<size_t>(first) * inner;
    float* other = one + static_cast<size_t>(kTileRows) * inner;
    for (int k = 0; k < inner; ++k, one += kTileRows, other += kTileRows) {
      const float* row = from + k * stride + first;
      for (int i = 0; i < kTileRows; i += kStep) {
        hn::StoreU(hn::LoadU(d, row + i), d, one + i);
        hn::StoreU(hn::LoadU(d, row + kTileRows + i), d, other + i);
      }
    }
  }
  for (; first < rows; first += kTileRows) {
    const int block_rows = std::min(kTileRows, rows - first);
    float* block = packed + static_cast<size_t>(first) * inner;
    for (int k = 0; k < inner; ++k) {
      for (int i = 0; i < block_rows; ++i) block[k * kTileRows + i] = from[k * stride + first + i];
    }
  }
}

// A whole panel of `width` columns, a multiple of a vector's, of a right operand as it lies.
void PackWholePanel(int inner, int width, const float* from, size_t stride, float* panel) {
  const FloatTag d;
  const int lanes = static_cast<int>(hn::Lanes(d));
  for (int k = 0; k < inner; ++k, from += stride) {
    for (int i = 0; i < width; i += lanes, panel += lanes)
      hn::Store(hn::LoadU(d, from + i), d, panel);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rollout
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout {
namespace {

HWY_EXPORT(TileRows);
HWY_EXPORT(VectorLanes);
HWY_EXPORT(MultiplyOnePanel);
HWY_EXPORT(PackTransposedRows);
HWY_EXPORT(PackWholePanel);

// Products take this much of the inner index at a time, so that a panel fills part of the
// first-level cache.
constexpr int kInnerBlock = 256;

// panel [inner, width] = columns first_column ... of b, zeros where b ends.
void PackPanel(const MatrixOperand& b, int inner, int first_column, int columns, int width,
               float* panel) {
  if (columns < width) std::fill(panel, panel + static_cast<size_t>(inner) * width, 0.0f);
  if (b.transposed) {
    for (int j = 0; j < columns; ++j) {
      const float* from = b.data + static_cast<size_t>(first_column + j) * b.stride;
      for (int k = 0; k < inner; ++k) panel[static_cast<size_t>(k) * width + j] = from[k];
    }
  } else if (columns == width) {
    HWY_DYNAMIC_DISPATCH(PackWholePanel)(inner, width, b.data + first_column, b.stride, panel);
  } else {
    for (int k = 0; k < inner; ++k) {
      const float* from = b.data + static_cast<size_t>(k) * b.stride + first_column;
      std::copy(from, from + columns, panel + static_cast<size_t>(k) * width);
    }
  }
}

// The panel of the columns from `first` on.
struct Panel {
  int vectors, width, columns;
};
Panel PanelAt(int first, int columns) {
  const int lanes = HWY_DYNAMIC_DISPATCH(VectorLanes)();
  const int vectors = columns - first > lanes ? 2 : 1;
  return {vectors, vectors * lanes, std::min(vectors * lanes, columns - first)};
}

}  // namespace

float* AlignedFloats::AtLeast(size_t count) {
  if (count > size_) {
    memory_ = hwy::AllocateAligned<float>(count);
    size_ = count;
  }
  return memory_.get();
}

void PackedOperand::Pack(int inner, int columns, MatrixOperand b) {
  inner_ = inner;
  columns_ = columns;
  const size_t widest = static_cast<size_t>(2) * HWY_DYNAMIC_DISPATCH(VectorLanes)();
  float* panels = panels_.AtLeast((columns + widest) * inner);
  for (int first = 0; first < columns;) {
    const Panel panel = PanelAt(first, columns);
    PackPanel(b, inner, first, panel.columns, panel.width,
              panels + static_cast<size_t>(first) * inner);
    first += panel.columns;
  }
}

MatrixMultiplier::Left MatrixMultiplier::TakeLeft(int rows, int inner, MatrixOperand a) {
  if (!a.transposed) return {a.data, static_cast<size_t>(a.stride), 1, false};
  const int tile_rows = HWY_DYNAMIC_DISPATCH(TileRows)();
  const size_t blocks = (rows + tile_rows - 1) / tile_rows;
  float* packed = packed_a_.AtLeast(blocks * tile_rows * inner);
  HWY_DYNAMIC_DISPATCH(PackTransposedRows)(rows, inner, a.data, a.stride, packed);
  return {packed, 1, static_cast<size_t>(tile_rows), true};
}

void MatrixMultiplier::Multiply(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b,
                                float* c, int c_stride, Into into) {
  const size_t widest = static_cast<size_t>(2) * HWY_DYNAMIC_DISPATCH(VectorLanes)();
  float* memory = packed_b_.AtLeast(widest * std::min(inner, kInnerBlock));
  bool add = into == Into::kSum;
  for (int from = 0; from < inner; from += kInnerBlock, add = true) {
    const int size = std::min(kInnerBlock, inner - from);
    const auto part = [from](MatrixOperand operand, bool along_row) {
      operand.data += along_row ? from : static_cast<size_t>(from) * operand.stride;
      return operand;
    };
    const Left left = TakeLeft(rows, size, part(a, !a.transposed));
    const MatrixOperand right = part(b, b.transposed);
    for (int first = 0; first < columns;) {
      const Panel panel = PanelAt(first, columns);
      PackPanel(right, size, first, panel.columns, panel.width, memory);
      HWY_DYNAMIC_DISPATCH(MultiplyOnePanel)
      (panel.vectors, rows, size, left.data, left.row_stride, left.inner_stride, left.packed,
       memory, panel.columns, add, c + first, c_stride);
      first += panel.columns;
    }
  }
}

void MatrixMultiplier::Multiply(int rows, MatrixOperand a, const PackedOperand& b, float* c,
                                int c_stride) {
  const int inner = b.inner(), columns = b.columns();
  const Left left = TakeLeft(rows, inner, a);
  for (int first = 0; first < columns;) {
    const Panel panel = PanelAt(first, columns);
    HWY_DYNAMIC_DISPATCH(MultiplyOnePanel)
    (panel.vectors, rows, inner, left.data, left.row_stride, left.inner_stride, left.packed,
     b.panels_.data() + static_cast<size_t>(first) * inner, panel.columns, false, c + first,
     c_stride);
    first += panel.columns;
  }
}

}  // namespace rollout
#endif  // HWY_ONCE
