// Pictures of a pendulum, and the angle that a picture shows.
#ifndef ROLLOUT_SYSTEMS_PIXELS_PENDULUM_FRAMES_H_
#define ROLLOUT_SYSTEMS_PIXELS_PENDULUM_FRAMES_H_

#include <vector>

#include "absl/types/span.h"

namespace rollout {

inline constexpr int kFrameSide = 28;
inline constexpr int kFramePixels = kFrameSide * kFrameSide;

// Draws what Gym's Pendulum shows in red less green, cut and shrunk as Greydanus et al. (2019) do:
// a rod 1 m long and 0.2 m wide with round ends in grey (127/255) and its axle, 0.05 m in radius,
// in black, on black, anti-aliased, within 0.748 m of the axle to either side and from 1.232 m
// below it to 0.264 m above. `frame` [28 x 28], row by row from the top; `angle` in radians from
// hanging, counter-clockwise.
void DrawPendulumFrame(double angle, absl::Span<float> frame);

// Finds the angle whose frame is nearest (least sum of squared differences). Immutable, any thread.
class PendulumFrameReader {
 public:
  PendulumFrameReader();

  // In (-pi, pi]. For frames that need not be exact, such as a network's.
  double Angle(absl::Span<const float> frame) const;

 private:
  std::vector<float> templates_;  // frames of kTemplates angles around the circle
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_PIXELS_PENDULUM_FRAMES_H_
