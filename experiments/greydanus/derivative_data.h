// States and their time derivatives, as Greydanus et al. (2019) train on.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_DATA_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_DATA_H_

#include <cstdint>
#include <vector>

#include "base/random.h"
#include "experiments/greydanus/greydanus_task.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {

// Samples of `size` numbers each.
struct DerivativeSamples {
  int size = 0;                    // 2n
  std::vector<float> states;       // [N, 2n]
  std::vector<float> derivatives;  // [N, 2n]

  int64_t count() const { return static_cast<int64_t>(states.size()) / size; }
};

struct DerivativeData {
  DerivativeSamples train, test;
};

// One trajectory without noise from a drawn first state, [points, 2n] at the system's sampling
// times.
std::vector<double> DrawTrajectory(const EquationsOfMotion& mechanics, Random& random);

// The data of `task`, decided by `seed`: the trajectories of EquationsOfMotion::DrawState at the
// system's sampling times, without those that the solver could not follow (none of these systems
// has any).
DerivativeData MakeDerivativeData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                                  uint64_t seed);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_DERIVATIVE_DATA_H_
