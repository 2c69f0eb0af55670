// The models that the serving benchmarks ask, and the requests that ask them.
#ifndef ROLLOUT_BENCH_SERVING_SERVED_MODELS_H_
#define ROLLOUT_BENCH_SERVING_SERVED_MODELS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "models/transition_model.h"

namespace rollout::bench {

// n = 1, nu = 1, one hidden layer of 8, one substep: next to nothing is computed.
TransitionModel SmallestModel();

// n = 6, nu = 3, two hidden layers of 128, 8 substeps of CONSTANT_ACCELERATION: Hopper's sizes.
absl::StatusOr<TransitionModel> HopperSizedModel();

// n = 128, nu = 1, one hidden layer of 8, one substep: replies are large for what they cost.
TransitionModel WideModel();

// One rollout: B lanes from one shared initial state.
struct RolloutShape {
  int64_t lanes = 1;
  int64_t horizon = 1;
  bool trajectory = false;  // else the final state
};

// The bytes of a rollout.v1.RolloutRequest, or of an inference.ModelInferRequest, for a model of
// this spec; numbers of the same seed.
absl::StatusOr<std::string> RolloutRequestBytes(const TransitionModelSpec& spec,
                                                const RolloutShape& shape);
std::string InferRequestBytes(const TransitionModelSpec& spec, const RolloutShape& shape);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_SERVED_MODELS_H_
