#ifndef ROLLOUT_SYSTEMS_OBSERVATION_H_
#define ROLLOUT_SYSTEMS_OBSERVATION_H_

#include <algorithm>

#include "absl/types/span.h"

namespace rollout {

// Fills an observation part by part; the parts together are as long as the observation.
class ObservationWriter {
 public:
  explicit ObservationWriter(absl::Span<double> observation) : next_(observation.data()) {}

  void Add(double value) { *next_++ = value; }
  void Add(const double* values, int count) { next_ = std::copy_n(values, count, next_); }
  void AddClamped(const double* values, int count, double low, double high) {
    for (int i = 0; i < count; ++i) Add(std::clamp(values[i], low, high));
  }

 private:
  double* next_;
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_OBSERVATION_H_
