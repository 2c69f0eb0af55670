#include "systems/pixels/pendulum_frames.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>

namespace rollout {
namespace {

using Frame = std::array<float, kFramePixels>;

Frame Draw(double angle) {
  Frame frame;
  DrawPendulumFrame(angle, absl::MakeSpan(frame));
  return frame;
}

constexpr double kPixel = 1.496 / 28;

// A rod of 1 m x 0.2 m, two half discs of 0.1 m, without the axle's disc of 0.05 m.
TEST(PendulumFramesTest, ShowsAsMuchGreyAsTheRodIsLarge) {
  const double area = 0.2 + std::numbers::pi * (0.01 - 0.0025);
  for (const double angle : {0.0, 0.3, -0.5}) {
    const Frame frame = Draw(angle);
    const double sum = std::accumulate(frame.begin(), frame.end(), 0.0);
    EXPECT_NEAR(sum * kPixel * kPixel, area * 127 / 255, 0.003) << angle;
    EXPECT_NEAR(*std::max_element(frame.begin(), frame.end()), 127.0 / 255, 1e-6);
    EXPECT_EQ(*std::min_element(frame.begin(), frame.end()), 0.0f);
  }
}

TEST(PendulumFramesTest, HangsAtZeroAndTurnsCounterClockwise) {
  // Half way down the rod that hangs: x = 0, y = -0.5 m.
  const int row = static_cast<int>((0.264 + 0.5) / kPixel);
  EXPECT_NEAR(Draw(0.0)[row * kFrameSide + 14], 127.0 / 255, 1e-6);
  const auto mean_column = [](const Frame& frame) {
    double sum = 0.0, weighted = 0.0;
    for (int i = 0; i < kFramePixels; ++i) {
      sum += frame[i];
      weighted += frame[i] * (i % kFrameSide - 13.5);
    }
    return weighted / sum;
  };
  EXPECT_NEAR(mean_column(Draw(0.0)), 0.0, 1e-6);
  EXPECT_GT(mean_column(Draw(0.3)), 2.0);
  EXPECT_LT(mean_column(Draw(-0.3)), -2.0);
}

TEST(PendulumFramesTest, TheReaderFindsTheAngleThatWasDrawn) {
  const PendulumFrameReader reader;
  for (double angle = -0.7; angle <= 0.7; angle += 0.0371) {
    EXPECT_NEAR(reader.Angle(Draw(angle)), angle, 1e-4);
  }
  EXPECT_NEAR(std::abs(reader.Angle(Draw(std::numbers::pi))), std::numbers::pi, 1e-4);
}

TEST(PendulumFramesTest, TheReaderBearsBlurAndNoise) {
  const PendulumFrameReader reader;
  Frame blurred;
  for (const double angle : {-0.45, 0.0, 0.31}) {
    const Frame frame = Draw(angle), before = Draw(angle - 0.03), after = Draw(angle + 0.03);
    for (int i = 0; i < kFramePixels; ++i) {
      const float noise = 0.01f * static_cast<float>((i * 7919) % 3 - 1);
      blurred[i] = (frame[i] + before[i] + after[i]) / 3 + noise;
    }
    EXPECT_NEAR(reader.Angle(blurred), angle, 3e-3);
  }
}

}  // namespace
}  // namespace rollout
