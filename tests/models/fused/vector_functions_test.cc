// The bounds that the vector functions state, with every instruction set.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tests/models/fused/vector_functions_test.cc"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

float TanhOf(float x) {
  const hn::ScalableTag<float> d;
  return hn::GetLane(FastTanh(d, hn::Set(d, x)));
}

float QuotientTanhOf(float x) {
  const hn::ScalableTag<float> d;
  return hn::GetLane(TanhByQuotient(d, hn::Set(d, x)));
}

float SigmoidOf(float x) {
  const hn::ScalableTag<float> d;
  return hn::GetLane(Sigmoid(d, hn::Set(d, x)));
}

float SoftplusOf(float x) {
  const hn::ScalableTag<float> d;
  return hn::GetLane(Softplus(d, hn::Set(d, x)));
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout::fused {

HWY_EXPORT(TanhOf);
HWY_EXPORT(QuotientTanhOf);
HWY_EXPORT(SigmoidOf);
HWY_EXPORT(SoftplusOf);

namespace {

class VectorFunctionsTest : public testing::TestWithParam<int64_t> {
 protected:
  VectorFunctionsTest() {
    hwy::SetSupportedTargetsForTest(GetParam());
    hwy::GetChosenTarget().DeInit();
  }
  ~VectorFunctionsTest() override {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
};

// max |function(x) - exact(x)| over every 997th float of both signs up to `limit`.
template <typename Function, typename Exact>
double LargestError(Function function, Exact exact, float limit) {
  double largest = 0.0;
  uint32_t last = 0;
  std::memcpy(&last, &limit, sizeof last);
  for (uint32_t bits = 0; bits <= last; bits += 997) {
    float x = 0.0f;
    std::memcpy(&x, &bits, sizeof x);
    for (float signed_x : {x, -x}) {
      largest = std::max(largest, std::abs(function(signed_x) - exact(double{signed_x})));
    }
  }
  return largest;
}

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

TEST_P(VectorFunctionsTest, TanhKeepsItsBound) {
  const auto exact = [](double x) { return std::tanh(x); };
  const auto tanh = [](float x) { return HWY_DYNAMIC_DISPATCH(TanhOf)(x); };
  EXPECT_LT(LargestError(tanh, exact, 100.0f), 6e-7);
  EXPECT_LT(
      LargestError([](float x) { return HWY_DYNAMIC_DISPATCH(QuotientTanhOf)(x); }, exact, 100.0f),
      4e-7);
  for (float x : {1e-30f, 1e-6f, 1e-3f, 0.1f}) {  // relative near 0
    EXPECT_NEAR(tanh(x) / std::tanh(double{x}), 1.0, 3e-6) << x;
  }
  EXPECT_EQ(tanh(0.0f), 0.0f);
  EXPECT_NEAR(tanh(kInfinity), 1.0f, 7e-7);
  EXPECT_NEAR(tanh(-kInfinity), -1.0f, 7e-7);
  EXPECT_TRUE(std::isnan(tanh(kNan)));
  EXPECT_TRUE(std::isnan(tanh(-kNan)));
}

TEST_P(VectorFunctionsTest, SigmoidAndSoftplusKeepTheirBounds) {
  const auto sigmoid = [](float x) { return HWY_DYNAMIC_DISPATCH(SigmoidOf)(x); };
  const auto softplus = [](float x) { return HWY_DYNAMIC_DISPATCH(SoftplusOf)(x); };
  EXPECT_LT(LargestError(
                sigmoid, [](double x) { return 1.0 / (1.0 + std::exp(-x)); }, 200.0f),
            3e-7);
  const auto relative = [&](float x) { return softplus(x) / std::max(1.0, std::abs(double{x})); };
  const auto exact = [](double x) {
    return (std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)))) / std::max(1.0, std::abs(x));
  };
  EXPECT_LT(LargestError(relative, exact, 200.0f), 3e-7);
  for (const auto& function : {+sigmoid, +softplus}) EXPECT_TRUE(std::isnan(function(kNan)));
  EXPECT_EQ(softplus(kInfinity), kInfinity);
  EXPECT_NEAR(softplus(-kInfinity), 0.0f, 1e-30f);
}

// HWY_SCALAR is left out: the engine has a kernel of its own there.
std::vector<int64_t> VectorTargets() {
  std::vector<int64_t> targets;
  for (int64_t target : hwy::SupportedAndGeneratedTargets()) {
    if (target != HWY_SCALAR) targets.push_back(target);
  }
  return targets;
}

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(VectorFunctionsTest);
INSTANTIATE_TEST_SUITE_P(EveryTarget, VectorFunctionsTest, testing::ValuesIn(VectorTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace rollout::fused
#endif  // HWY_ONCE
