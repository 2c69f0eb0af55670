// The arithmetic of the device code that differs between a GPU and the host, where the same code is
// compiled for its tests: instructions of the GPU on one side, plain C++ on the other.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_MATH_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_MATH_H_

#include <cmath>

#if defined(__CUDACC__)
#define ROLLOUT_TILE __host__ __device__ __forceinline__
#define ROLLOUT_TILE_CALL __host__ __device__ __noinline__
#define ROLLOUT_UNROLL _Pragma("unroll")
#define ROLLOUT_UNROLL_BY_FOUR _Pragma("unroll 4")
#else
#define ROLLOUT_TILE inline
#define ROLLOUT_TILE_CALL inline
#define ROLLOUT_UNROLL
#define ROLLOUT_UNROLL_BY_FOUR
#endif

namespace rollout::cuda {

// Four neighbouring numbers, loaded and stored at once. Addresses are multiples of 16 bytes.
struct alignas(16) Four {
  float value[4];
};

ROLLOUT_TILE Four LoadFour(const float* from) { return *reinterpret_cast<const Four*>(from); }
ROLLOUT_TILE void StoreFour(float* to, const Four& four) { *reinterpret_cast<Four*>(to) = four; }

// a b + c, rounded once on a GPU.
ROLLOUT_TILE float MultiplyAdd(float a, float b, float c) {
#if defined(__CUDA_ARCH__)
  return __fmaf_rn(a, b, c);
#else
  return a * b + c;
#endif
}

// 2^x to 2^-22 of itself; 0 below the smallest normal number.
ROLLOUT_TILE float ExpTwo(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return std::exp2(x);
#endif
}

// 1 / x to one unit in the last place; 0 for numbers so large that it would not be normal.
ROLLOUT_TILE float Reciprocal(float x) {
#if defined(__CUDA_ARCH__)
  float y;
  asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
  return y;
#else
  return 1.0f / x;
#endif
}

inline constexpr float kLogTwoOfE = 1.44269504f;

// 1 - 2 / (1 + e^2x): five instructions, two of them on the GPU's special-function unit, which
// works beside the multiply-adds. It saturates by itself and passes NaN on. Absolute error at most
// 3e-7 from the PTX manual's bounds of both instructions; near 0 that is not a small relative
// error, which the sum of the next layer does not see.
ROLLOUT_TILE float Tanh(float x) {
  return MultiplyAdd(-2.0f, Reciprocal(1.0f + ExpTwo(2.0f * kLogTwoOfE * x)), 1.0f);
}

ROLLOUT_TILE float Sigmoid(float x) { return Reciprocal(1.0f + ExpTwo(-kLogTwoOfE * x)); }

// log(1 + e^x) without overflow; NaN stays NaN.
ROLLOUT_TILE float Softplus(float x) { return (x > 0.0f ? x : 0.0f) + log1pf(expf(-fabsf(x))); }

// Cosine and sine. The angle is reduced in float64, good to 1e-7 for |x| <= 1e9; beyond 1e15, where
// a float32 angle says nothing, both are NaN.
ROLLOUT_TILE void CosineSine(float x, float* cosine, float* sine) {
  if (!(fabsf(x) < 1e15f)) {
    *cosine = *sine = x - x + NAN;
    return;
  }
  const double quarters = rint(static_cast<double>(x) * 0.63661977236758134308);
  const float r = static_cast<float>(static_cast<double>(x) - quarters * 1.57079632679489661923);
  const int quadrant = static_cast<int>(static_cast<long long>(quarters) & 3);
  const float s = r * r;
  // Polynomials on [-pi/4, pi/4] of Cephes' sinf.c (Moshier), errors below 1e-7.
  const float sin_r = MultiplyAdd(
      r * s, MultiplyAdd(MultiplyAdd(-1.9515295891e-4f, s, 8.3321608736e-3f), s, -1.6666654611e-1f),
      r);
  const float cos_r =
      MultiplyAdd(s * s,
                  MultiplyAdd(MultiplyAdd(2.443315711809948e-5f, s, -1.388731625493765e-3f), s,
                              4.166664568298827e-2f),
                  MultiplyAdd(-0.5f, s, 1.0f));
  const bool swapped = (quadrant & 1) != 0;
  const float c = swapped ? sin_r : cos_r;
  const float d = swapped ? cos_r : sin_r;
  *cosine = quadrant == 1 || quadrant == 2 ? -c : c;
  *sine = quadrant >= 2 ? -d : d;
}

// sum += term, exactly: what rounding cuts off goes to `residual` and comes back with the next term
// (Knuth's two-sum). Steps of a millisecond add increments a thousand times smaller than the
// position they are added to.
ROLLOUT_TILE void AddCompensated(float term, float* sum, float* residual) {
  const float addend = term + *residual;
  const float total = *sum + addend;
  const float virtual_addend = total - *sum;
  *residual = (*sum - (total - virtual_addend)) + (addend - virtual_addend);
  *sum = total;
}

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_MATH_H_
