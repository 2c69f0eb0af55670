#include "trainer/arithmetic/matrix_product.h"

#include <cmath>
#include <tuple>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

// A matrix as the product sees it, stored plainly or transposed, with a gap after every row.
struct StoredMatrix {
  StoredMatrix(int rows, int columns, bool transposed, Random& random)
      : transposed(transposed), stride((transposed ? rows : columns) + 3) {
    data.resize(static_cast<size_t>(transposed ? columns : rows) * stride);
    for (float& value : data) value = static_cast<float>(random.Normal());
  }
  float At(int row, int column) const {
    return transposed ? data[column * stride + row] : data[row * stride + column];
  }
  MatrixOperand operand() const { return {data.data(), stride, transposed}; }

  bool transposed;
  int stride;
  std::vector<float> data;
};

using Case = std::tuple<int, int, int, bool, bool>;  // rows, columns, inner, transposed a, b

class MatrixProductTest : public testing::TestWithParam<Case> {};

TEST_P(MatrixProductTest, IsTheSumOfProductsAndLeavesTheGapsOfTheResultAlone) {
  const auto [rows, columns, inner, transpose_a, transpose_b] = GetParam();
  Random random(5);
  const StoredMatrix a(rows, inner, transpose_a, random);
  const StoredMatrix b(inner, columns, transpose_b, random);
  const int stride = columns + 2;
  std::vector<float> c(static_cast<size_t>(rows) * stride, -7.0f);
  MatrixMultiplier().Multiply(rows, columns, inner, a.operand(), b.operand(), c.data(), stride);
  for (int i = 0; i < rows; ++i) {
    for (int j = 0; j < columns; ++j) {
      double expected = 0.0;
      double magnitude = 0.0;
      for (int k = 0; k < inner; ++k) {
        expected += static_cast<double>(a.At(i, k)) * b.At(k, j);
        magnitude += std::fabs(static_cast<double>(a.At(i, k)) * b.At(k, j));
      }
      ASSERT_NEAR(c[i * stride + j], expected, 1e-5 * magnitude) << i << ", " << j;
    }
    EXPECT_EQ(c[i * stride + columns], -7.0f);
    EXPECT_EQ(c[i * stride + columns + 1], -7.0f);
  }
}

INSTANTIATE_TEST_SUITE_P(ShapesAroundTilesAndPanels, MatrixProductTest,
                         testing::Combine(testing::Values(1, 7, 8, 9, 31),
                                          testing::Values(1, 3, 16, 17, 32, 70),
                                          testing::Values(1, 5, 64, 300), testing::Bool(),
                                          testing::Bool()));

TEST_P(MatrixProductTest, PackedBeforeAndAddedIsTheSame) {
  const auto [rows, columns, inner, transpose_a, transpose_b] = GetParam();
  Random random(7);
  const StoredMatrix a(rows, inner, transpose_a, random);
  const StoredMatrix b(inner, columns, transpose_b, random);
  MatrixMultiplier multiplier;
  std::vector<float> product(rows * columns), packed_product(product), sum(product.size(), 2.0f);
  multiplier.Multiply(rows, columns, inner, a.operand(), b.operand(), product.data(), columns);
  PackedOperand packed;
  packed.Pack(inner, columns, b.operand());
  multiplier.Multiply(rows, a.operand(), packed, packed_product.data(), columns);
  multiplier.Multiply(rows, columns, inner, a.operand(), b.operand(), sum.data(), columns,
                      MatrixMultiplier::Into::kSum);
  for (size_t i = 0; i < product.size(); ++i) {
    EXPECT_EQ(packed_product[i], product[i]);
    EXPECT_NEAR(sum[i], 2.0f + product[i], 1e-4);
  }
}

TEST(MatrixMultiplier, GivesAnElementTheSameBitsInAnyShape) {
  Random random(6);
  const StoredMatrix a(37, 50, false, random);
  const StoredMatrix b(50, 41, false, random);
  MatrixMultiplier multiplier;
  std::vector<float> whole(37 * 41);
  multiplier.Multiply(37, 41, 50, a.operand(), b.operand(), whole.data(), 41);
  for (int i = 0; i < 37; ++i) {
    std::vector<float> row(5);
    MatrixOperand one_row = a.operand();
    one_row.data += i * a.stride;
    MatrixOperand last_columns = b.operand();
    last_columns.data += 36;
    multiplier.Multiply(1, 5, 50, one_row, last_columns, row.data(), 5);
    for (int j = 0; j < 5; ++j) EXPECT_EQ(row[j], whole[i * 41 + 36 + j]);
  }
}

}  // namespace
}  // namespace rollout
