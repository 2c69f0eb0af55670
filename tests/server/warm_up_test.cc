#include "server/registry/warm_up.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

// Notes what is asked of an engine and passes it on.
class WatchedEngine final : public Engine {
 public:
  explicit WatchedEngine(std::unique_ptr<Engine> engine) : engine_(std::move(engine)) {}

  absl::Status Check(const RolloutJob& job) const override {
    rollouts_.insert({job.lanes, !job.trajectory.empty()});
    return engine_->Check(job);
  }
  absl::Status Compute(LaneFeed& feed) override { return engine_->Compute(feed); }
  absl::Status Gradient(absl::Span<const GradientJob> jobs) override {
    gradients_.insert(jobs[0].lanes);
    return engine_->Gradient(jobs);
  }
  EngineInfo info() const override { return engine_->info(); }

  const std::set<std::pair<int64_t, bool>>& rollouts() const { return rollouts_; }
  const std::set<int64_t>& gradients() const { return gradients_; }

 private:
  const std::unique_ptr<Engine> engine_;
  mutable std::set<std::pair<int64_t, bool>> rollouts_;  // lanes, with a trajectory
  std::set<int64_t> gradients_;
};

TEST(WarmUpTest, EveryBucketComputesEveryOutputAndGradient) {
  SpecChoice choice;
  const TransitionModelSpec spec = MakeSpec(choice);
  ASSERT_OK_AND_ASSIGN(auto fused,
                       FusedCpuEngineModule().create(RandomModel(spec, 1), EngineOptions()));
  WatchedEngine engine(std::move(fused));
  const std::vector<WarmUpPath> paths = WarmUpPaths(/*same_architecture=*/false);
  ASSERT_OK_AND_ASSIGN(const int computed, WarmUp(spec, paths, &engine));
  EXPECT_LE(computed, static_cast<int>(paths.size()));
  for (const int64_t lanes : {1, 2, 4, 8, 16, 32, 64, 256}) {
    EXPECT_EQ(engine.rollouts().count({lanes, true}), 1u) << lanes;
    EXPECT_EQ(engine.rollouts().count({lanes, false}), 1u) << lanes;
  }
  EXPECT_THAT(engine.gradients(), testing::ElementsAre(1, 8, 32));
}

TEST(WarmUpTest, TheSameArchitectureWarmsItsOwnMemoryOnly) {
  const std::vector<WarmUpPath> brief = WarmUpPaths(/*same_architecture=*/true);
  EXPECT_EQ(brief.size(), 5u);
  const std::vector<WarmUpPath> full = WarmUpPaths(/*same_architecture=*/false);
  EXPECT_EQ(full.size(), 19u);
  for (const WarmUpPath& path : brief) EXPECT_THAT(full, testing::Contains(path));
}

TEST(SameArchitectureTest, OnlyNumbersMayDiffer) {
  const TransitionModelSpec spec = MakeSpec(SpecChoice());
  TransitionModelSpec other = spec;
  other.state_scale.assign(other.state_scale.size(), 3.0f);
  other.control_low.assign(other.num_controls, -9.0f);
  other.control_high.assign(other.num_controls, 9.0f);
  EXPECT_TRUE(SameArchitecture(spec, other));
  const std::vector<std::function<void(TransitionModelSpec*)>> changes = {
      [](TransitionModelSpec* s) { s->dynamics.hidden_sizes.push_back(4); },
      [](TransitionModelSpec* s) { s->dynamics.activation = Activation::kSilu; },
      [](TransitionModelSpec* s) { s->dynamics.memory_size = 3; },
      [](TransitionModelSpec* s) { s->dynamics.autoencoder_width = 3; },
      [](TransitionModelSpec* s) { s->integrator.substeps += 1; },
      [](TransitionModelSpec* s) { s->ensemble_size += 1; },
      [](TransitionModelSpec* s) { s->reward += "x"; },
      [](TransitionModelSpec* s) { s->num_controls += 1; }};
  for (size_t i = 0; i < changes.size(); ++i) {
    other = spec;
    changes[i](&other);
    EXPECT_FALSE(SameArchitecture(spec, other)) << i;
  }
}

}  // namespace
}  // namespace rollout
