#include "systems/mechanics/dormand_prince.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace rollout {
namespace {

constexpr double kStages[6][6] = {
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0.0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};
// The weights of order 5 minus those of order 4.
constexpr double kError[7] = {71.0 / 57600,      0.0,        -71.0 / 16695, 71.0 / 1920,
                              -17253.0 / 339200, 22.0 / 525, -1.0 / 40};
constexpr double kSafety = 0.9;
constexpr double kShrink = 0.2;
constexpr double kGrow = 5.0;

}  // namespace

DormandPrince::DormandPrince(int num_variables, DormandPrinceOptions options)
    : options_(options), next_(num_variables) {
  for (std::vector<double>& slope : slopes_) slope.resize(num_variables);
}

double DormandPrince::Try(const Derivative& derivative, double h,
                          absl::Span<const double> variables) {
  const size_t size = variables.size();
  for (int stage = 0; stage < 6; ++stage) {
    for (size_t i = 0; i < size; ++i) {
      double sum = 0.0;
      for (int k = 0; k <= stage; ++k) sum += kStages[stage][k] * slopes_[k][i];
      next_[i] = variables[i] + h * sum;
    }
    derivative(next_, absl::MakeSpan(slopes_[stage + 1]));
  }
  double squares = 0.0;
  for (size_t i = 0; i < size; ++i) {
    double error = 0.0;
    for (int k = 0; k < 7; ++k) error += kError[k] * slopes_[k][i];
    const double scale =
        options_.atol + options_.rtol * std::max(std::abs(variables[i]), std::abs(next_[i]));
    squares += (h * error / scale) * (h * error / scale);
  }
  return std::sqrt(squares / static_cast<double>(size));
}

void DormandPrince::Advance(const Derivative& derivative, double duration,
                            absl::Span<double> variables) {
  const double direction = duration < 0.0 ? -1.0 : 1.0;
  const double total = std::abs(duration);
  if (total == 0.0) return;
  if (step_ == 0.0) step_ = total / 16.0;
  double done = 0.0;
  derivative(variables, absl::MakeSpan(slopes_[0]));
  for (int steps = 0; done < total; ++steps) {
    if (steps == options_.max_steps) {
      std::fill(variables.begin(), variables.end(), std::numeric_limits<double>::quiet_NaN());
      return;
    }
    const bool last = step_ >= total - done;
    const double h = last ? total - done : step_;
    const double error = Try(derivative, direction * h, variables);
    const double factor =
        error > 0.0 ? std::clamp(kSafety * std::pow(error, -0.2), kShrink, kGrow) : kGrow;
    if (error <= 1.0) {
      done = last ? total : done + h;
      std::copy(next_.begin(), next_.end(), variables.begin());
      std::swap(slopes_[0], slopes_[6]);
      // The cut of the last step says nothing about the step that the error allows.
      step_ = last ? std::max(step_, h * factor) : h * factor;
    } else {  // also where the error is NaN
      step_ = std::isfinite(error) ? h * factor : h * kShrink;
    }
  }
}

}  // namespace rollout
