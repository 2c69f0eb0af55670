// What is added to a policy's actions so that a dataset also holds what the policy would not do.
#ifndef ROLLOUT_TRAINER_COLLECTION_EXPLORATION_NOISE_H_
#define ROLLOUT_TRAINER_COLLECTION_EXPLORATION_NOISE_H_

#include <vector>

#include "absl/types/span.h"
#include "base/random.h"

namespace rollout {

// A random process with one value per control. Owned and used by one thread.
class ExplorationNoise {
 public:
  virtual ~ExplorationNoise() = default;
  // A new episode with `num_controls` controls.
  virtual void Start(int num_controls, Random& random) = 0;
  // The next values, in units of half the range of a control. Valid until the next call.
  virtual absl::Span<const double> Next(Random& random) = 0;
};

// Independent normal values.
class GaussianNoise final : public ExplorationNoise {
 public:
  explicit GaussianNoise(double standard_deviation) : standard_deviation_(standard_deviation) {}
  void Start(int num_controls, Random& random) override;
  absl::Span<const double> Next(Random& random) override;

 private:
  const double standard_deviation_;
  std::vector<double> values_;
};

// The Ornstein-Uhlenbeck process as DDPG discretises it (Lillicrap et al. 2016, "Continuous control
// with deep reinforcement learning", section 7): x += -theta x + sigma N(0, 1) at every step. The
// defaults are theirs; they keep a deviation of 0.38 up over some 7 steps.
struct OrnsteinUhlenbeckOptions {
  double theta = 0.15;  // in (0, 2)
  double sigma = 0.2;
};
class OrnsteinUhlenbeckNoise final : public ExplorationNoise {
 public:
  explicit OrnsteinUhlenbeckNoise(const OrnsteinUhlenbeckOptions& options) : options_(options) {}
  // Starts in the stationary distribution, of variance sigma^2 / (theta (2 - theta)).
  void Start(int num_controls, Random& random) override;
  absl::Span<const double> Next(Random& random) override;

 private:
  const OrnsteinUhlenbeckOptions options_;
  std::vector<double> values_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_EXPLORATION_NOISE_H_
