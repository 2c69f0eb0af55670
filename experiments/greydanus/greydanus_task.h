// The tasks of Hamiltonian Neural Networks (Greydanus et al., 2019).
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TASK_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TASK_H_

#include <cstdint>
#include <string>
#include <vector>

namespace rollout {

// Losses and mean squared energy error as the authors' README has them.
struct PublishedRow {
  double train_loss, test_loss, energy_mse;
};

struct GreydanusTask {
  std::string system;  // of systems/mechanics, states [q, p]
  std::string title;
  // Data: every sample of `trajectories` trajectories; the first or last part is held out.
  int trajectories;
  double noise;             // standard deviation added to states, not to derivatives
  bool finite_differences;  // derivatives from the noisy states, as with a recording
  double test_fraction;
  bool test_first;
  // Training.
  int64_t batch;  // 0 = all samples
  int64_t steps;
  double weight_decay;
  // Energy: rollouts from fresh first states.
  int rollouts;
  double seconds;
  int points;
  PublishedRow baseline, hnn;
  // Learned from frames: the losses are PixelFit's, the energy is that of what the decoded frames
  // show. The published energies are in other units, which the papers' code does not name.
  bool films = false;
};

// Mass-spring, ideal pendulum, (simulated) real pendulum, two and three bodies, pixel pendulum.
const std::vector<GreydanusTask>& GreydanusTasks();

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_TASK_H_
