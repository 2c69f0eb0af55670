// Functions of whole vectors: tanh by our own approximations, the others from Highway's.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_VECTOR_FUNCTIONS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_VECTOR_FUNCTIONS_INL_H_
#undef ROLLOUT_FUSED_VECTOR_FUNCTIONS_INL_H_
#else
#define ROLLOUT_FUSED_VECTOR_FUNCTIONS_INL_H_
#endif

#include <cstdint>

#include "hwy/contrib/math/math-inl.h"
#include "hwy/highway.h"
#include "models/engines/fused/tanh_table.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// The smaller and the larger of a bound and x, where a NaN of x stays NaN.
template <class V>
HWY_INLINE V AtMost(V bound, V x) {
#if HWY_TARGET == HWY_EMU128  // prefers the number
  return hn::IfThenElse(hn::Lt(bound, x), bound, x);
#else  // return their second argument when one is NaN, or NaN
  return hn::Min(bound, x);
#endif
}
template <class V>
HWY_INLINE V AtLeast(V bound, V x) {
#if HWY_TARGET == HWY_EMU128
  return hn::IfThenElse(hn::Lt(x, bound), bound, x);
#else
  return hn::Max(bound, x);
#endif
}

// tanh as a quotient of two polynomials in x^2 of degrees 13 and 6 (the coefficients that Eigen
// uses), |x| clamped to where it rounds to 1. Error below 4e-7. NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V TanhByQuotient(D d, V x_any) {
  const V x =
      AtLeast(hn::Set(d, -7.90531110763549805f), AtMost(hn::Set(d, 7.90531110763549805f), x_any));
  const V x2 = hn::Mul(x, x);
  V p = hn::Set(d, -2.76076847742355e-16f);
  p = hn::MulAdd(p, x2, hn::Set(d, 2.00018790482477e-13f));
  p = hn::MulAdd(p, x2, hn::Set(d, -8.60467152213735e-11f));
  p = hn::MulAdd(p, x2, hn::Set(d, 5.12229709037114e-08f));
  p = hn::MulAdd(p, x2, hn::Set(d, 1.48572235717979e-05f));
  p = hn::MulAdd(p, x2, hn::Set(d, 6.37261928875436e-04f));
  p = hn::MulAdd(p, x2, hn::Set(d, 4.89352455891786e-03f));
  V q = hn::Set(d, 1.19825839466702e-06f);
  q = hn::MulAdd(q, x2, hn::Set(d, 1.18534705686654e-04f));
  q = hn::MulAdd(q, x2, hn::Set(d, 2.26843463243900e-03f));
  q = hn::MulAdd(q, x2, hn::Set(d, 4.89352518554385e-03f));
  return hn::Div(hn::Mul(x, p), q);
}

#if HWY_TARGET <= HWY_AVX3
// tanh by a polynomial of degree 4 on each of 16 intervals, looked up in registers: no division,
// and few instructions that compete with fused multiply-adds. Error below 6e-7. NaN stays NaN.
template <class D, class V = hn::Vec<D>>
HWY_INLINE V FastTanh(D d, V x) {
  static_assert(hn::MaxLanes(D()) == kTanhIntervals, "one vector holds one coefficient's table");
  const hn::RebindToUnsigned<D> du;
  // A NaN goes through every step below.
  const V magnitude = AtMost(hn::Set(d, kTanhLimit), hn::Abs(x));
  // Four intervals an octave of |x| + 1/2: the last bits of the exponent and the first two of the
  // mantissa. The lookup reads the lowest four bits of an index only.
  const auto bits = hn::BitCast(du, hn::Add(magnitude, hn::Set(d, kTanhShift)));
  const auto interval = hn::And(hn::ShiftRight<kTanhMantissaBits>(bits), hn::Set(du, 15));
  const auto index = hn::IndicesFromVec(d, interval);
  V y = hn::TableLookupLanes(hn::Load(d, kTanhCoefficients[4]), index);
  for (int power = 3; power >= 0; --power) {
    y = hn::MulAdd(y, magnitude,
                   hn::TableLookupLanes(hn::Load(d, kTanhCoefficients[power]), index));
  }
  return hn::CopySignToAbs(y, x);
}
#else
template <class D, class V = hn::Vec<D>>
HWY_INLINE V FastTanh(D d, V x) {
  return TanhByQuotient(d, x);
}
#endif

// 1 / (1 + e^-x).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Sigmoid(D d, V x) {
  const V one = hn::Set(d, 1.0f);
  // Beyond 80 the result is 0 or 1 and e^x would leave Exp's range.
  const V bounded = hn::Max(hn::Set(d, -80.0f), hn::Min(hn::Set(d, 80.0f), x));
  const V y = hn::Div(one, hn::Add(one, hn::Exp(d, hn::Neg(bounded))));
  return hn::IfThenElse(hn::Eq(x, x), y, x);  // NaN stays NaN, which Exp would hide
}

// log(1 + e^x) = max(x, 0) + log1p(e^-|x|).
template <class D, class V = hn::Vec<D>>
HWY_INLINE V Softplus(D d, V x) {
  const V zero = hn::Zero(d);
  const V exponent = hn::Max(hn::Set(d, -80.0f), hn::Neg(hn::Abs(x)));
  return hn::Add(AtLeast(zero, x), hn::Log1p(d, hn::Exp(d, exponent)));
}

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
