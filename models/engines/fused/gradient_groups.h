#ifndef ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUPS_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUPS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/gradient_group.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/thread_pool.h"
#include "models/engines/gradient_job.h"
#include "models/engines/lane_objective.h"

namespace rollout::fused {

// The gradients of one engine: a group of lanes for each thread of its pool, made when the first
// gradient is asked for. Owned by the engine, called as it is.
class GradientGroups {
 public:
  // Everything outlives the groups.
  GradientGroups(const TransitionModelSpec& spec, const DifferentiableReward& reward,
                 const FusedModel& model, ThreadPool* pool)
      : spec_(spec), reward_(reward), model_(model), pool_(*pool) {}

  // Checks and computes all jobs; see Engine::Gradient. `packed` is the model for this CPU's
  // vectors, nullptr where it has none.
  absl::Status Compute(absl::Span<const GradientJob> jobs, const PackedModel* packed);

 private:
  // Neighbouring lanes of a job that one thread computes together.
  struct Share {
    const GradientJob* job = nullptr;
    int64_t first = 0;
    int lanes = 0;
    float* initial_gradient = nullptr;  // [lanes, 2n]
  };

  void MakeGroups(const PackedModel* packed);
  void Divide(absl::Span<const GradientJob> jobs);
  void SumOverLanes(absl::Span<const GradientJob> jobs) const;

  const TransitionModelSpec& spec_;
  const DifferentiableReward reward_;
  const FusedModel& model_;
  ThreadPool& pool_;
  std::vector<std::unique_ptr<GradientGroup>> groups_;  // [threads]
  // Of the call at hand; they grow to the largest call seen.
  std::vector<Share> shares_;
  std::vector<float> initial_gradients_;  // [lanes of all jobs, 2n]
};

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_GRADIENT_GROUPS_H_
