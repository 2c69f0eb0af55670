#include "models/evaluation/linear_model.h"

#include <cmath>

#include "base/random.h"
#include "gtest/gtest.h"
#include "models/evaluation/rollout_error.h"

namespace rollout {
namespace {

// dz = A z + B u + c exactly; the first position is ignored and far away.
std::vector<ObservedEpisode> LinearEpisodes(int episodes, int64_t steps) {
  Random random(5);
  std::vector<ObservedEpisode> result;
  for (int e = 0; e < episodes; ++e) {
    ObservedEpisode episode;
    episode.num_steps = steps;
    double x = 1000.0 + random.Normal(), angle = random.Normal(), v = random.Normal(),
           w = random.Normal();
    for (int64_t t = 0; t <= steps; ++t) {
      episode.states.insert(episode.states.end(), {x, angle, v, w});
      if (t == steps) break;
      const double u = random.Normal();
      episode.controls.push_back(u);
      const double dx = 0.1 * v, dangle = 0.1 * w;
      const double dv = -0.2 * angle + 0.05 * u + 0.01, dw = -0.3 * angle - 0.1 * w;
      x += dx, angle += dangle, v += dv, w += dw;
    }
    result.push_back(std::move(episode));
  }
  return result;
}

TEST(LinearModel, RecoversALinearSystemAndIteratesIt) {
  auto model = LinearModel::Fit(LinearEpisodes(8, 50), 4, 1, {0}, 1e-12);
  ASSERT_TRUE(model.ok()) << model.status();
  WindowSet set;
  set.state_size = 4;
  set.num_controls = 1;
  set.episodes = LinearEpisodes(3, 30);
  set.windows = PlaceWindows(set.episodes, 30, 30);
  ErrorScale scale;
  scale.state_scale = {1, 1, 1, 1};
  const WindowErrors errors = *MeasureErrors(*model, set, scale);
  EXPECT_LT(SummariseErrors(errors, {30})[0].rmse, 1e-3);
}

TEST(LinearModel, RefusesDataWithoutTransitions) {
  EXPECT_EQ(LinearModel::Fit({}, 4, 1, {}).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(SolveCholesky, SolvesAndRefusesWhatIsNotPositiveDefinite) {
  std::vector<double> a = {4, 2, 2, 3}, b = {8, 7};
  ASSERT_TRUE(SolveCholesky(2, 1, absl::MakeSpan(a), absl::MakeSpan(b)));
  EXPECT_NEAR(b[0], 1.25, 1e-12);
  EXPECT_NEAR(b[1], 1.5, 1e-12);
  std::vector<double> singular = {1, 1, 1, 1}, c = {1, 1};
  EXPECT_FALSE(SolveCholesky(2, 1, absl::MakeSpan(singular), absl::MakeSpan(c)));
}

}  // namespace
}  // namespace rollout
