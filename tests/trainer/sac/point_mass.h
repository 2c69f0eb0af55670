// A system small enough to be learned within a test.
#ifndef ROLLOUT_TESTS_TRAINER_SAC_POINT_MASS_H_
#define ROLLOUT_TESTS_TRAINER_SAC_POINT_MASS_H_

#include <cmath>
#include <memory>

#include "base/random.h"
#include "systems/system.h"

namespace rollout {

// A unit mass on a line, pushed by a force within [-2, 2]: dv = u dt, reward -(x^2 + 0.1 v^2) a
// step, 40 steps of 0.1 s. From step `broken_from_step` on all rewards are NaN, if it is not
// negative.
class PointMass final : public System {
 public:
  explicit PointMass(int broken_from_step = -1) : broken_from_step_(broken_from_step) {
    info_.name = "point_mass";
    info_.num_positions = info_.num_velocities = info_.num_controls = 1;
    info_.observation_size = 2;
    info_.dt = 0.1;
    info_.max_episode_steps = 40;
    info_.control_low = {-2.0};
    info_.control_high = {2.0};
  }

  const SystemInfo& info() const override { return info_; }
  void Reset(uint64_t seed) override {
    x_ = Random(seed).Uniform(-1.0, 1.0);
    v_ = 0.0;
    episode_steps_ = 0;
  }
  absl::Status ResetTo(absl::Span<const double> state) override {
    x_ = state[0];
    v_ = state[1];
    episode_steps_ = 0;
    return absl::OkStatus();
  }
  std::unique_ptr<System> NewInstance() const override {
    return std::make_unique<PointMass>(broken_from_step_);
  }
  StepResult Step(absl::Span<const double> action) override {
    largest_control_ = std::fmax(largest_control_, std::fabs(action[0]));
    v_ += 0.1 * action[0];
    x_ += 0.1 * v_;
    StepResult result;
    result.reward = -(x_ * x_ + 0.1 * v_ * v_);
    if (broken_from_step_ >= 0 && ++steps_ > broken_from_step_) result.reward = std::nan("");
    result.truncated = ++episode_steps_ == info_.max_episode_steps;
    return result;
  }
  void GetState(absl::Span<double> state) const override { GetObservation(state); }
  void GetObservation(absl::Span<double> observation) const override {
    observation[0] = x_;
    observation[1] = v_;
  }

  double largest_control() const { return largest_control_; }

 private:
  const int broken_from_step_;
  SystemInfo info_;
  double x_ = 0.0;
  double v_ = 0.0;
  int episode_steps_ = 0;
  int steps_ = 0;
  double largest_control_ = 0.0;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRAINER_SAC_POINT_MASS_H_
