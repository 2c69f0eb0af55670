// Shorthand for tests of the fused engine: engines, jobs and their results.
#ifndef ROLLOUT_TESTS_MODELS_FUSED_ENGINE_ROLLOUTS_H_
#define ROLLOUT_TESTS_MODELS_FUSED_ENGINE_ROLLOUTS_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "gtest/gtest.h"
#include "hwy/targets.h"
#include "models/engines/fused/fused_engine.h"
#include "models/transition_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {

// Lets only `target` of Highway's instruction sets be chosen while it lives.
class OnlyTarget {
 public:
  explicit OnlyTarget(int64_t target) {
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().DeInit();
  }
  ~OnlyTarget() {
    hwy::SetSupportedTargetsForTest(0);
    hwy::GetChosenTarget().DeInit();
  }
};

// The instruction sets of this CPU that the vector kernels are compiled for, and HWY_SCALAR, which
// stands for the scalar kernel.
inline std::vector<int64_t> FusedTargets() {
  std::vector<int64_t> targets;
  for (int64_t target : {HWY_AVX3, HWY_AVX2}) {
    if ((hwy::SupportedTargets() & target) != 0) targets.push_back(target);
  }
  targets.push_back(HWY_SCALAR);
  return targets;
}

inline std::unique_ptr<Engine> MakeFusedEngine(const TransitionModel& model, int threads = 1) {
  auto engine = FusedCpuEngineModule().create(model, {.device = "cpu", .threads = threads});
  EXPECT_THAT(engine, IsOk());
  return engine.ok() ? *std::move(engine) : nullptr;
}

// The trajectories [lanes, horizon + 1, 2n] that `engine` computes.
inline std::vector<float> Trajectories(Engine& engine, const TransitionModelSpec& spec,
                                       const std::vector<float>& initial,
                                       const std::vector<float>& controls, int lanes, int horizon) {
  std::vector<float> trajectories(static_cast<size_t>(lanes) * (horizon + 1) * spec.state_size());
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectories);
  EXPECT_THAT(engine.Rollout({job}), IsOk());
  return trajectories;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_MODELS_FUSED_ENGINE_ROLLOUTS_H_
