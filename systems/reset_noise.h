#ifndef ROLLOUT_SYSTEMS_RESET_NOISE_H_
#define ROLLOUT_SYSTEMS_RESET_NOISE_H_

#include "absl/types/span.h"
#include "base/random.h"

namespace rollout {

// Adds independent noise, uniform in [-scale, scale).
inline void AddUniformNoise(Random& random, double scale, absl::Span<double> values) {
  for (double& value : values) value += random.Uniform(-scale, scale);
}

// Adds independent Gaussian noise of standard deviation `scale`.
inline void AddNormalNoise(Random& random, double scale, absl::Span<double> values) {
  for (double& value : values) value += scale * random.Normal();
}

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_RESET_NOISE_H_
