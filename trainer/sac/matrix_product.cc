#include "trainer/sac/matrix_product.h"

#include <algorithm>

// The vector part below is compiled once for every kind of processor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/sac/matrix_product.cc"
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

// c [kRows, columns] = a * panel, where a's element (i, k) is a[i * row_stride + k * inner_stride]
// and panel's (k, j) is panel[k * width + j], width = kVectors vectors >= columns.
template <int kRows, int kVectors>
void MultiplyTile(int inner, const float* a, size_t row_stride, size_t inner_stride,
                  const float* panel, int columns, float* c, size_t c_stride) {
  const FloatTag d;
  using Vector = hn::Vec<FloatTag>;
  const size_t lanes = hn::Lanes(d);
  Vector sums[kRows][kVectors];
  for (int row = 0; row < kRows; ++row) {
    for (int vector = 0; vector < kVectors; ++vector) sums[row][vector] = hn::Zero(d);
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
  if (static_cast<size_t>(columns) == kVectors * lanes) {
    for (int row = 0; row < kRows; ++row) {
      for (int vector = 0; vector < kVectors; ++vector) {
        hn::StoreU(sums[row][vector], d, c + row * c_stride + vector * lanes);
      }
    }
    return;
  }
  HWY_ALIGN float whole_row[kVectors * HWY_MAX_BYTES / sizeof(float)];
  for (int row = 0; row < kRows; ++row) {
    for (int vector = 0; vector < kVectors; ++vector) {
      hn::Store(sums[row][vector], d, whole_row + vector * lanes);
    }
    std::copy(whole_row, whole_row + columns, c + row * c_stride);
  }
}

// As many tiles of kRows rows as there is room for from `*row` on, which moves behind them. `a` is
// as in MultiplyTile, except that where `packed`, each kTileRows rows start a block of their own.
template <int kRows, int kVectors>
void MultiplyTiles(int rows, int inner, const float* a, size_t row_stride, size_t inner_stride,
                   bool packed, const float* panel, int columns, float* c, size_t c_stride,
                   int* row) {
  for (; *row + kRows <= rows; *row += kRows) {
    const size_t offset =
        packed ? static_cast<size_t>(*row / kTileRows) * kTileRows * inner + *row % kTileRows
               : *row * row_stride;
    MultiplyTile<kRows, kVectors>(inner, a + offset, row_stride, inner_stride, panel, columns,
                                  c + *row * c_stride, c_stride);
  }
}

template <int kVectors>
void MultiplyPanel(int rows, int inner, const float* a, size_t row_stride, size_t inner_stride,
                   bool packed, const float* panel, int columns, float* c, size_t c_stride) {
  int row = 0;
  MultiplyTiles<kTileRows, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel,
                                     columns, c, c_stride, &row);
  MultiplyTiles<4, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, c,
                             c_stride, &row);
  MultiplyTiles<2, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, c,
                             c_stride, &row);
  MultiplyTiles<1, kVectors>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, c,
                             c_stride, &row);
}

void MultiplyOnePanel(int vectors, int rows, int inner, const float* a, size_t row_stride,
                      size_t inner_stride, bool packed, const float* panel, int columns, float* c,
                      size_t c_stride) {
  if (vectors == 1) {
    MultiplyPanel<1>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, c, c_stride);
  } else {
    MultiplyPanel<2>(rows, inner, a, row_stride, inner_stride, packed, panel, columns, c, c_stride);
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

// panel [inner, width] = columns first_column ... of b, zeros where b ends.
void PackPanel(const MatrixOperand& b, int inner, int first_column, int columns, int width,
               float* panel) {
  if (columns < width) std::fill(panel, panel + static_cast<size_t>(inner) * width, 0.0f);
  if (b.transposed) {
    for (int j = 0; j < columns; ++j) {
      const float* from = b.data + static_cast<size_t>(first_column + j) * b.stride;
      for (int k = 0; k < inner; ++k) panel[static_cast<size_t>(k) * width + j] = from[k];
    }
  } else {
    for (int k = 0; k < inner; ++k) {
      const float* from = b.data + static_cast<size_t>(k) * b.stride + first_column;
      std::copy(from, from + columns, panel + static_cast<size_t>(k) * width);
    }
  }
}

// Blocks of `tile_rows` rows of the transposed operand, each [inner, tile_rows]: reading it in
// place would touch one cache line for every inner index and tile.
void PackTransposedRows(const MatrixOperand& a, int rows, int inner, int tile_rows, float* packed) {
  for (int first = 0; first < rows; first += tile_rows) {
    const int block_rows = std::min(tile_rows, rows - first);
    for (int k = 0; k < inner; ++k, packed += tile_rows) {
      const float* from = a.data + static_cast<size_t>(k) * a.stride + first;
      std::copy(from, from + block_rows, packed);
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
  PackTransposedRows(a, rows, inner, tile_rows, packed);
  return {packed, 1, static_cast<size_t>(tile_rows), true};
}

void MatrixMultiplier::Multiply(int rows, int columns, int inner, MatrixOperand a, MatrixOperand b,
                                float* c, int c_stride) {
  const Left left = TakeLeft(rows, inner, a);
  const size_t widest = static_cast<size_t>(2) * HWY_DYNAMIC_DISPATCH(VectorLanes)();
  float* memory = packed_b_.AtLeast(widest * inner);
  for (int first = 0; first < columns;) {
    const Panel panel = PanelAt(first, columns);
    PackPanel(b, inner, first, panel.columns, panel.width, memory);
    HWY_DYNAMIC_DISPATCH(MultiplyOnePanel)
    (panel.vectors, rows, inner, left.data, left.row_stride, left.inner_stride, left.packed, memory,
     panel.columns, c + first, c_stride);
    first += panel.columns;
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
     b.panels_.data() + static_cast<size_t>(first) * inner, panel.columns, c + first, c_stride);
    first += panel.columns;
  }
}

}  // namespace rollout
#endif  // HWY_ONCE
