#include "trainer/fitting/tanh_layer.h"

// The vector part below is compiled once for every kind of processor.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "trainer/fitting/tanh_layer.cc"
#include "hwy/foreach_target.h"  // IWYU pragma: keep
#include "hwy/highway.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout {
namespace HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;
using FloatTag = hn::ScalableTag<float>;
using OneTag = hn::CappedTag<float, 1>;

template <class D>
void AddBiasAndTanhAt(D d, const float* bias, float* row) {
  const auto x = hn::Add(hn::LoadU(d, row), hn::LoadU(d, bias));
  hn::StoreU(fused::HWY_NAMESPACE::TanhByQuotient(d, x), d, row);
}

void AddBiasAndTanhRows(int64_t rows, int64_t columns, const float* bias, float* matrix) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t r = 0; r < rows; ++r, matrix += columns) {
    int64_t c = 0;
    for (; c + lanes <= columns; c += lanes) {
      const auto x = hn::Add(hn::LoadU(d, matrix + c), hn::LoadU(d, bias + c));
      hn::StoreU(fused::HWY_NAMESPACE::FastTanh(d, x), d, matrix + c);
    }
    for (; c < columns; ++c) AddBiasAndTanhAt(OneTag(), bias + c, matrix + c);
  }
}

template <class D>
hn::Vec<D> Slope(D d, hn::Vec<D> activation) {
  return hn::NegMulAdd(activation, activation, hn::Set(d, 1.0f));
}

template <class D>
void BackThroughTanhAt(D d, const float* activation, const float* cotangent, const float* more,
                       float* result) {
  auto sum = hn::LoadU(d, cotangent);
  if (more != nullptr) sum = hn::Add(sum, hn::LoadU(d, more));
  hn::StoreU(hn::Mul(sum, Slope(d, hn::LoadU(d, activation))), d, result);
}

void BackThroughTanhAll(int64_t count, const float* activation, const float* cotangent,
                        const float* more, float* result) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const auto from = [more](int64_t i) { return more == nullptr ? nullptr : more + i; };
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    BackThroughTanhAt(d, activation + i, cotangent + i, from(i), result + i);
  }
  for (; i < count; ++i) {
    BackThroughTanhAt(OneTag(), activation + i, cotangent + i, from(i), result + i);
  }
}

template <class D>
void BackThroughSlopeAt(D d, const float* activation, const float* cotangent, const float* back,
                        float* to_cotangent, float* to_activation) {
  const auto y = hn::LoadU(d, activation);
  const auto b = hn::LoadU(d, back);
  const auto by_slope = hn::Mul(hn::LoadU(d, cotangent), b);
  hn::StoreU(hn::Mul(hn::Mul(hn::Set(d, -2.0f), y), by_slope), d, to_activation);
  hn::StoreU(hn::Mul(b, Slope(d, y)), d, to_cotangent);
}

void BackThroughSlopeAll(int64_t count, const float* activation, const float* cotangent,
                         const float* back, float* to_cotangent, float* to_activation) {
  const FloatTag d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    BackThroughSlopeAt(d, activation + i, cotangent + i, back + i, to_cotangent + i,
                       to_activation + i);
  }
  for (; i < count; ++i) {
    BackThroughSlopeAt(OneTag(), activation + i, cotangent + i, back + i, to_cotangent + i,
                       to_activation + i);
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace rollout
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace rollout {

HWY_EXPORT(AddBiasAndTanhRows);
HWY_EXPORT(BackThroughTanhAll);
HWY_EXPORT(BackThroughSlopeAll);

void AddBiasAndTanh(int64_t rows, int64_t columns, const float* bias, float* matrix) {
  HWY_DYNAMIC_DISPATCH(AddBiasAndTanhRows)(rows, columns, bias, matrix);
}

void BackThroughTanh(int64_t count, const float* activation, const float* cotangent,
                     const float* more, float* result) {
  HWY_DYNAMIC_DISPATCH(BackThroughTanhAll)(count, activation, cotangent, more, result);
}

void BackThroughSlope(int64_t count, const float* activation, const float* cotangent,
                      const float* back, float* to_cotangent, float* to_activation) {
  HWY_DYNAMIC_DISPATCH(BackThroughSlopeAll)
  (count, activation, cotangent, back, to_cotangent, to_activation);
}

}  // namespace rollout
#endif  // HWY_ONCE
