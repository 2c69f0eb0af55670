// Numbers that carry their derivatives: forward-mode differentiation.
#ifndef ROLLOUT_TESTS_MODELS_ENGINES_DUAL_NUMBER_H_
#define ROLLOUT_TESTS_MODELS_ENGINES_DUAL_NUMBER_H_

#include <array>
#include <cmath>

namespace rollout {

// A value and its derivatives with respect to up to 12 variables.
struct Dual {
  static constexpr int kVariables = 12;

  double value = 0.0;
  std::array<double, kVariables> derivative{};

  Dual() = default;
  Dual(double constant) : value(constant) {}  // NOLINT: constants mix with variables
  static Dual Variable(double value, int index) {
    Dual x(value);
    x.derivative[static_cast<size_t>(index)] = 1.0;
    return x;
  }
  // f(this), for f(value) and f'(value).
  Dual Through(double f, double slope) const {
    Dual y(f);
    for (size_t i = 0; i < kVariables; ++i) y.derivative[i] = slope * derivative[i];
    return y;
  }
};

inline Dual operator+(const Dual& a, const Dual& b) {
  Dual c(a.value + b.value);
  for (size_t i = 0; i < Dual::kVariables; ++i) c.derivative[i] = a.derivative[i] + b.derivative[i];
  return c;
}
inline Dual operator*(const Dual& a, const Dual& b) {
  Dual c(a.value * b.value);
  for (size_t i = 0; i < Dual::kVariables; ++i) {
    c.derivative[i] = a.derivative[i] * b.value + a.value * b.derivative[i];
  }
  return c;
}
inline Dual& operator+=(Dual& a, const Dual& b) { return a = a + b; }

inline double Value(double x) { return x; }
inline double Value(const Dual& x) { return x.value; }

inline double Chain(double, double f, double) { return f; }
inline Dual Chain(const Dual& x, double f, double slope) { return x.Through(f, slope); }

}  // namespace rollout

#endif  // ROLLOUT_TESTS_MODELS_ENGINES_DUAL_NUMBER_H_
