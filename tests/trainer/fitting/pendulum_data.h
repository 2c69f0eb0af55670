// Episodes of a damped, driven pendulum on a cart that nothing depends on: small, smooth, exact.
#ifndef ROLLOUT_TESTS_TRAINER_FITTING_PENDULUM_DATA_H_
#define ROLLOUT_TESTS_TRAINER_FITTING_PENDULUM_DATA_H_

#include <cmath>
#include <cstdint>
#include <vector>

#include "base/random.h"
#include "datasets/dataset.h"
#include "trainer/fitting/fit_data.h"

namespace rollout {

// q = [x (ignored), angle (angular), spring], v likewise, one control.
inline DatasetInfo PendulumInfo() {
  DatasetInfo info;
  info.id = "test/pendulum-v0";
  info.num_positions = 3;
  info.num_velocities = 3;
  info.num_controls = 1;
  info.dt = 0.05;
  info.ignored_positions = {0};
  info.angular_positions = {1};
  info.control_low = {-1};
  info.control_high = {1};
  return info;
}

inline Episode PendulumEpisode(int64_t id, int64_t steps) {
  Random random(DeriveSeed(7, static_cast<uint64_t>(id)));
  Episode episode;
  episode.id = id;
  double x = 5 * random.Normal(), angle = random.Normal(), spring = random.Normal();
  double vx = random.Normal(), w = random.Normal(), vs = random.Normal();
  for (int64_t t = 0; t <= steps; ++t) {
    episode.states.insert(episode.states.end(), {x, angle, spring, vx, w, vs});
    if (t == steps) break;
    const double u = random.Uniform(-1, 1);
    episode.actions.push_back(u);
    constexpr int kSubsteps = 50;
    for (int k = 0; k < kSubsteps; ++k) {
      const double h = 0.05 / kSubsteps;
      vx += h * (u - 0.5 * vx);
      w += h * (-2 * std::sin(angle) - 0.1 * w + 0.5 * u);
      vs += h * (-3 * spring - 0.2 * vs + 0.3 * std::cos(angle));
      x += h * vx, angle += h * w, spring += h * vs;
    }
  }
  episode.rewards.assign(steps, 0.0);
  episode.terminations.assign(steps, 0);
  episode.truncations.assign(steps, 0);
  return episode;
}

inline FitData PendulumData(int64_t episodes, int64_t steps) {
  FitData data;
  data.info = PendulumInfo();
  data.files = {"pendulum.hdf5"};
  for (int64_t id = 0; id < episodes; ++id) {
    AddEpisode(PendulumEpisode(id, steps), data.info.id, 0.2, &data);
  }
  return data;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRAINER_FITTING_PENDULUM_DATA_H_
