#include "trainer/collection/exploration_noise.h"

#include <cmath>

namespace rollout {

void GaussianNoise::Start(int num_controls, Random& /*random*/) {
  values_.assign(static_cast<size_t>(num_controls), 0.0);
}

absl::Span<const double> GaussianNoise::Next(Random& random) {
  for (double& value : values_) value = standard_deviation_ * random.Normal();
  return values_;
}

void OrnsteinUhlenbeckNoise::Start(int num_controls, Random& random) {
  const double deviation = options_.sigma / std::sqrt(options_.theta * (2.0 - options_.theta));
  values_.resize(static_cast<size_t>(num_controls));
  for (double& value : values_) value = deviation * random.Normal();
}

absl::Span<const double> OrnsteinUhlenbeckNoise::Next(Random& random) {
  for (double& value : values_) {
    value += -options_.theta * value + options_.sigma * random.Normal();
  }
  return values_;
}

}  // namespace rollout
