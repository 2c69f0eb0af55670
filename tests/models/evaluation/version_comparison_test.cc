#include "models/evaluation/version_comparison.h"

#include <cmath>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

// Episodes whose new error is `ratio` times the live one on average, with relative noise between
// episodes.
PairedErrors Errors(int episodes, double ratio, double noise) {
  Random random(3);
  PairedErrors errors;
  errors.horizons = {1, 2, 4};
  for (int e = 0; e < episodes; ++e) {
    EpisodeErrors episode;
    for (size_t h = 0; h < errors.horizons.size(); ++h) {
      const double live = std::exp(random.Normal());
      episode.live_sum.push_back(live);
      episode.new_sum.push_back(live * ratio * ratio * std::exp(2 * noise * random.Normal()));
      episode.windows.push_back(1);
    }
    errors.episodes.push_back(std::move(episode));
  }
  return errors;
}

Verdict Compare(const PairedErrors& errors) {
  Random random(11);
  return CompareVersions(errors, {}, [&](uint64_t bound) { return random.UniformInteger(bound); });
}

struct Case {
  const char* name;
  int episodes;
  double ratio;
  double noise;
  int64_t new_non_finite;
  int64_t live_non_finite;
  bool better;
  const char* reason;
};

class CompareVersionsTable : public ::testing::TestWithParam<Case> {};

TEST_P(CompareVersionsTable, DecidesAndSaysWhy) {
  const Case& c = GetParam();
  PairedErrors errors = Errors(c.episodes, c.ratio, c.noise);
  errors.new_non_finite = c.new_non_finite;
  errors.live_non_finite = c.live_non_finite;
  const Verdict verdict = Compare(errors);
  EXPECT_EQ(verdict.better, c.better) << verdict.reason;
  EXPECT_THAT(verdict.reason, HasSubstr(c.reason));
  EXPECT_LE(verdict.log_ratio_low, verdict.log_ratio_high);
}

INSTANTIATE_TEST_SUITE_P(
    All, CompareVersionsTable,
    ::testing::Values(Case{"HalfTheError", 40, 0.5, 0.1, 0, 0, true, "better: error -"},
                      Case{"TwiceTheError", 40, 2.0, 0.1, 0, 0, false, "not better: error +"},
                      Case{"LostInNoise", 6, 0.95, 1.5, 0, 0, false, "ot "},
                      Case{"TheSame", 40, 1.0, 0.0, 0, 0, false, "not better: error +0.0%"},
                      Case{"MoreNonFinite", 40, 0.5, 0.1, 3, 2, false,
                           "3 windows turn non-finite, under the live version 2"},
                      Case{"FewerNonFinite", 40, 0.5, 0.1, 1, 2, true, "better: error -"},
                      Case{"OneEpisode", 1, 0.5, 0.1, 0, 0, false, "too few"},
                      Case{"NoEpisode", 0, 0.5, 0.1, 0, 0, false, "nothing can be compared"}),
    [](const auto& info) { return info.param.name; });

TEST(CompareVersions, LogRatioIsTheMeanOverHorizons) {
  PairedErrors errors;
  errors.horizons = {1, 2};
  errors.episodes = {{{1.0, 4.0}, {4.0, 1.0}, {1, 1}}, {{1.0, 4.0}, {4.0, 1.0}, {1, 1}}};
  EXPECT_NEAR(Compare(errors).log_ratio, 0.0, 1e-12);
  errors.episodes[0].new_sum = errors.episodes[1].new_sum = {1.0, 1.0};
  EXPECT_NEAR(Compare(errors).log_ratio, 0.5 * std::log(0.5), 1e-12);
}

TEST(CompareVersions, HorizonsThatNoWindowReachesDoNotCount) {
  PairedErrors errors = Errors(10, 0.5, 0.0);
  const double before = Compare(errors).log_ratio;
  errors.horizons.push_back(64);
  for (EpisodeErrors& episode : errors.episodes) {
    episode.new_sum.push_back(0.0);
    episode.live_sum.push_back(0.0);
    episode.windows.push_back(0);
  }
  EXPECT_DOUBLE_EQ(Compare(errors).log_ratio, before);
}

TEST(PairErrors, LeavesOutWindowsThatEitherVersionLoses) {
  WindowErrors fresh;
  fresh.state_size = 2;
  WindowErrors::Window window;
  window.length = 2;
  window.first_non_finite = 3;
  window.mean_square = {0.0, 1.0, 2.0};
  window.episode = 7;
  fresh.windows = {window, window};
  WindowErrors live = fresh;
  live.windows[1].first_non_finite = 2;
  const PairedErrors paired = PairErrors(fresh, live, {1, 2, 4});
  ASSERT_EQ(paired.episodes.size(), 1u);
  EXPECT_THAT(paired.episodes[0].windows, ::testing::ElementsAre(2, 1, 0));
  EXPECT_THAT(paired.episodes[0].new_sum, ::testing::ElementsAre(2.0, 2.0, 0.0));
  EXPECT_EQ(paired.live_non_finite, 1);
  EXPECT_EQ(paired.new_non_finite, 0);
}

}  // namespace
}  // namespace rollout
