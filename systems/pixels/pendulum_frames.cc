#include "systems/pixels/pendulum_frames.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numbers>

namespace rollout {
namespace {

// Of the picture, in metres; the axle is the origin, y points up.
constexpr double kHalfWidth = 0.748;
constexpr double kTop = 0.264;
constexpr double kPixel = 2.0 * kHalfWidth / kFrameSide;

constexpr double kRodLength = 1.0;
constexpr double kRodRadius = 0.1;
constexpr double kAxleRadius = 0.05;
constexpr double kGrey = 127.0 / 255.0;

constexpr int kTemplates = 360;

double Length(double x, double y) { return std::sqrt(x * x + y * y); }

// How much of a pixel lies inside an edge that is `distance` from the pixel's middle (negative
// inside).
double Coverage(double distance) { return std::clamp(0.5 - distance / kPixel, 0.0, 1.0); }

double SquaredDistance(absl::Span<const float> a, absl::Span<const float> b) {
  double sum = 0.0;
  for (size_t i = 0; i < a.size(); ++i) {
    const double difference = static_cast<double>(a[i]) - b[i];
    sum += difference * difference;
  }
  return sum;
}

}  // namespace

void DrawPendulumFrame(double angle, absl::Span<float> frame) {
  const double along_x = std::sin(angle), along_y = -std::cos(angle);
  for (int row = 0; row < kFrameSide; ++row) {
    const double y = kTop - (row + 0.5) * kPixel;
    for (int column = 0; column < kFrameSide; ++column) {
      const double x = (column + 0.5) * kPixel - kHalfWidth;
      const double along = std::clamp(x * along_x + y * along_y, 0.0, kRodLength);
      const double to_rod = Length(x - along * along_x, y - along * along_y) - kRodRadius;
      const double outside_axle = 1.0 - Coverage(Length(x, y) - kAxleRadius);
      frame[row * kFrameSide + column] =
          static_cast<float>(kGrey * Coverage(to_rod) * outside_axle);
    }
  }
}

PendulumFrameReader::PendulumFrameReader() : templates_(kTemplates * kFramePixels) {
  for (int i = 0; i < kTemplates; ++i) {
    DrawPendulumFrame(2.0 * std::numbers::pi * i / kTemplates,
                      absl::MakeSpan(templates_).subspan(i * kFramePixels, kFramePixels));
  }
}

double PendulumFrameReader::Angle(absl::Span<const float> frame) const {
  int nearest = 0;
  double least = std::numeric_limits<double>::infinity();
  for (int i = 0; i < kTemplates; ++i) {
    const double distance = SquaredDistance(
        frame, absl::MakeConstSpan(templates_).subspan(i * kFramePixels, kFramePixels));
    if (distance < least) {
      least = distance;
      nearest = i;
    }
  }
  // Golden section between the neighbours of the nearest template.
  std::array<float, kFramePixels> drawn;
  const auto distance = [&](double angle) {
    DrawPendulumFrame(angle, absl::MakeSpan(drawn));
    return SquaredDistance(frame, drawn);
  };
  constexpr double kTurn = 2.0 * std::numbers::pi;
  constexpr double kRatio = 1.0 / std::numbers::phi;
  double low = kTurn * (nearest - 1) / kTemplates, high = kTurn * (nearest + 1) / kTemplates;
  double left = high - kRatio * (high - low), right = low + kRatio * (high - low);
  double at_left = distance(left), at_right = distance(right);
  for (int i = 0; i < 24; ++i) {  // 0.035 rad x 0.618^24 = 3e-7 rad
    if (at_left < at_right) {
      high = right;
      right = left;
      at_right = at_left;
      left = high - kRatio * (high - low);
      at_left = distance(left);
    } else {
      low = left;
      left = right;
      at_left = at_right;
      right = low + kRatio * (high - low);
      at_right = distance(right);
    }
  }
  return std::remainder(0.5 * (low + high), kTurn);
}

}  // namespace rollout
