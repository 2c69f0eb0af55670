#include "models/evaluation/ensemble_spread.h"

#include <cmath>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

TEST(RankCorrelation, SeesMonotoneRelationsAndTies) {
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3, 4}, {10, 100, 1000, 10000}), 1.0);
  EXPECT_DOUBLE_EQ(RankCorrelation({1, 2, 3}, {3, 2, 1}), -1.0);
  EXPECT_NEAR(RankCorrelation({1, 2, 2, 3}, {1, 2, 3, 4}), 0.9486832980505138, 1e-12);
  EXPECT_TRUE(std::isnan(RankCorrelation({1, 2}, {1, 2})));
  EXPECT_TRUE(std::isnan(RankCorrelation({1, 1, 1}, {1, 2, 3})));
}

// Every lane's state gets its own Gaussian error, of a size that the lane's first control gives.
class NoisyMember : public NoChange {
 public:
  explicit NoisyMember(uint64_t seed) : NoChange(2), random_(seed) {}
  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial,
                       absl::Span<const float> controls, absl::Span<float> out) override {
    const absl::Status status = NoChange::Predict(lanes, horizon, initial, controls, out);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      for (int64_t i = 2; i < (horizon + 1) * 2; ++i) {
        out[lane * (horizon + 1) * 2 + i] +=
            controls[lane * horizon] * static_cast<float>(random_.Normal());
      }
    }
    return status;
  }

 private:
  Random random_;
};

TEST(MeasureSpread, CoverageOfAnEnsembleThatErrsLikeItsOwnMembersIsGaussian) {
  Random random(1);
  WindowSet set;
  set.state_size = 2;
  set.num_controls = 1;
  for (int e = 0; e < 2000; ++e) {
    ObservedEpisode episode;
    episode.num_steps = 1;
    const double size = std::exp(random.Normal());
    episode.states = {0.0, 0.0, size * random.Normal(), size * random.Normal()};
    episode.controls = {size};
    set.episodes.push_back(episode);
  }
  set.windows = PlaceWindows(set.episodes, 1, 1);
  ErrorScale scale;
  scale.state_scale = {1.0, 1.0};
  std::vector<std::unique_ptr<Predictor>> members;
  for (uint64_t i = 0; i < 32; ++i) members.push_back(std::make_unique<NoisyMember>(100 + i));
  const auto quality = MeasureSpread(members, set, scale, {1});
  ASSERT_TRUE(quality.ok());
  EXPECT_EQ((*quality)[0].windows, 2000);
  EXPECT_NEAR((*quality)[0].coverage_one, 0.68, 0.03);
  EXPECT_NEAR((*quality)[0].coverage_two, 0.95, 0.02);
  EXPECT_GT((*quality)[0].rank_correlation, 0.6);
}

TEST(MeasureSpread, NeedsTwoMembers) {
  std::vector<std::unique_ptr<Predictor>> one;
  one.push_back(std::make_unique<NoisyMember>(1));
  EXPECT_EQ(MeasureSpread(one, {}, {}, {1}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SingleMember, TakesTheMembersSliceAndKeepsNormalisers) {
  TransitionModel ensemble;
  ensemble.spec.ensemble_size = 2;
  ensemble.weights = {{"input.mean", {3}, {1, 2, 3}}, {"mlp.0.bias", {2, 2}, {4, 5, 6, 7}}};
  const TransitionModel member = SingleMember(ensemble, 1);
  EXPECT_EQ(member.spec.ensemble_size, 1);
  EXPECT_THAT(member.weights[0].data, ::testing::ElementsAre(1, 2, 3));
  EXPECT_THAT(member.weights[1].data, ::testing::ElementsAre(6, 7));
  EXPECT_THAT(member.weights[1].shape, ::testing::ElementsAre(1, 2));
}

}  // namespace
}  // namespace rollout
