// A version's golden set: trajectories that an engine must reproduce before the version may serve.
#ifndef ROLLOUT_MODELS_CHECKPOINT_GOLDEN_H_
#define ROLLOUT_MODELS_CHECKPOINT_GOLDEN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout {

// The content of golden.safetensors.
struct GoldenSet {
  int64_t lanes = 0;                 // B
  int64_t horizon = 0;               // T
  std::vector<float> initial_state;  // [B, 2n]
  std::vector<float> controls;       // [B, T, nu]; clipped like every request's
  std::vector<float> trajectory;     // [B, T + 1, 2n]
};

// INVALID_ARGUMENT unless `tensors` are exactly the three of a golden set for `spec`.
absl::StatusOr<GoldenSet> GoldenFromTensors(std::vector<NamedTensor> tensors,
                                            const TransitionModelSpec& spec);
std::vector<NamedTensor> GoldenToTensors(const GoldenSet& golden, const TransitionModelSpec& spec);

// How far a trajectory lies from the golden one: the largest |difference| / spread of its dimension
// (models/trajectory_spread.h), and where. Infinite where a number is not finite.
struct GoldenDeviation {
  double worst = 0.0;
  int64_t lane = 0;
  int64_t time = 0;
  int dimension = 0;
};
GoldenDeviation CompareWithGolden(const GoldenSet& golden, const TransitionModelSpec& spec,
                                  absl::Span<const float> trajectory);

// Computes the golden rollouts with `engine`, on the path of every request (controls clipped), and
// compares. FAILED_PRECONDITION naming the state, step, deviation and golden_tolerance where it is
// exceeded; errors of the engine as they are.
absl::Status CheckGolden(const GoldenSet& golden, const TransitionModelSpec& spec, Engine* engine);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_GOLDEN_H_
