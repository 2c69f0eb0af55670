// Once made, the engine allocates nothing: every operator new of this program is counted.
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "gtest/gtest.h"
#include "tests/models/fused/engine_rollouts.h"
#include "tests/support/random_model.h"

namespace {
std::atomic<int64_t> allocations{0};
}  // namespace

// Not inlined, or the compiler takes free() for a mismatch with operator new.
[[gnu::noinline]] void* operator new(size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  ++allocations;
  const size_t step = static_cast<size_t>(alignment);
  if (void* memory = std::aligned_alloc(step, (size + step - 1) / step * step)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace rollout {
namespace {

TEST(AllocationTest, RolloutsAllocateNothing) {
  for (DynamicsKind kind :
       {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kMechanics, DynamicsKind::kHnn}) {
    for (int64_t target : FusedTargets()) {
      const OnlyTarget only(target);
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.num_positions = 6;
      choice.num_controls = 3;
      choice.angular_positions = {2};
      choice.ensemble_size = 2;
      TransitionModelSpec spec = MakeSpec(choice);
      spec.reward = "hopper_v5";
      spec.termination = "hopper_v5";
      const TransitionModel model = RandomModel(spec, 1);
      const int64_t before_making = allocations;
      const auto engine = MakeFusedEngine(model, 2);
      EXPECT_GT(allocations, before_making);  // the count counts
      for (int lanes : {1, 7, 50}) {
        const std::vector<float> initial = RandomStates(spec, lanes, 1);
        const std::vector<float> controls = RandomControls(spec, lanes, 10, 2);
        std::vector<float> trajectory(lanes * 11 * 12), total_return(lanes);
        std::vector<int32_t> terminated(lanes), non_finite(lanes);
        RolloutJob job;
        job.lanes = lanes;
        job.horizon = 10;
        job.initial_states = initial;
        job.controls = controls;
        job.trajectory = absl::MakeSpan(trajectory);
        job.total_return = absl::MakeSpan(total_return);
        job.terminated_step = absl::MakeSpan(terminated);
        job.first_non_finite_step = absl::MakeSpan(non_finite);
        const int64_t before = allocations;
        const absl::Status status = engine->Rollout(absl::MakeConstSpan(&job, 1));
        const int64_t after = allocations;
        EXPECT_THAT(status, IsOk());
        EXPECT_EQ(after, before) << Name(kind) << ", " << lanes << " lanes, "
                                 << hwy::TargetName(target);
      }
    }
  }
}

// The first gradient makes what gradients need; one like it allocates nothing.
TEST(AllocationTest, GradientsAllocateOnlyOnce) {
  for (DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn}) {
    for (int64_t target : FusedTargets()) {
      const OnlyTarget only(target);
      SpecChoice choice;
      choice.kind = kind;
      choice.has_force = kind == DynamicsKind::kHnn;
      choice.num_positions = 6;
      choice.num_controls = 3;
      choice.angular_positions = {2};
      choice.ensemble_size = 2;
      TransitionModelSpec spec = MakeSpec(choice);
      spec.reward = "hopper_v5";
      spec.termination = "hopper_v5";
      const auto engine = MakeFusedEngine(RandomModel(spec, 1), 2);
      constexpr int kLanes = 50, kHorizon = 10;
      const std::vector<float> initial = RandomStates(spec, kLanes, 1);
      const std::vector<float> controls = RandomControls(spec, kLanes, kHorizon, 2);
      std::vector<float> by_controls(controls.size()), by_initial(initial.size());
      GradientJob job;
      job.lanes = kLanes;
      job.horizon = kHorizon;
      job.initial_states = initial;
      job.controls = controls;
      job.of_return = true;
      job.final_state_cotangents = initial;
      job.controls_gradient = absl::MakeSpan(by_controls);
      job.initial_state_gradient = absl::MakeSpan(by_initial);
      const absl::Span<const GradientJob> jobs = absl::MakeConstSpan(&job, 1);
      // Which thread takes how many lanes is chance: let each have taken the most there is.
      for (int i = 0; i < 20; ++i) EXPECT_THAT(engine->Gradient(jobs), IsOk());
      const int64_t before = allocations;
      const absl::Status status = engine->Gradient(jobs);
      const int64_t after = allocations;
      EXPECT_THAT(status, IsOk());
      EXPECT_EQ(after, before) << Name(kind) << ", " << hwy::TargetName(target);
    }
  }
}

}  // namespace
}  // namespace rollout
