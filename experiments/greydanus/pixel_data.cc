#include "experiments/greydanus/pixel_data.h"

#include <cmath>

#include "base/random.h"
#include "experiments/greydanus/derivative_data.h"
#include "systems/pixels/pendulum_frames.h"

namespace rollout {

const float* Films::Sample(int64_t index) const {
  const int64_t film = index / samples_per_film(), first = index % samples_per_film();
  return &frames[(film * length + first) * kFramePixels];
}

Films Film(const std::vector<double>& states, int64_t length) {
  Films films;
  films.length = length;
  films.count = static_cast<int64_t>(states.size()) / (2 * length);
  films.frames.resize(films.count * length * kFramePixels);
  for (int64_t i = 0; i < films.count * length; ++i) {
    DrawPendulumFrame(states[2 * i],
                      absl::MakeSpan(films.frames).subspan(i * kFramePixels, kFramePixels));
  }
  return films;
}

PixelData MakePixelData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                        uint64_t seed) {
  Random random(seed);
  const int held_out = static_cast<int>(std::lround(task.test_fraction * task.trajectories));
  std::vector<double> train, test;
  for (int i = 0; i < task.trajectories; ++i) {
    const std::vector<double> trajectory = DrawTrajectory(mechanics, random);
    std::vector<double>& part = i < held_out ? test : train;
    part.insert(part.end(), trajectory.begin(), trajectory.end());
  }
  const int64_t length = mechanics.info().max_episode_steps + 1;
  return {Film(train, length), Film(test, length)};
}

}  // namespace rollout
