// Rewards and terminations of Gymnasium v5's pendulums and of its reacher (inverted_pendulum_v5.py,
// inverted_double_pendulum_v5.py, reacher_v5.py).
//
// Gymnasium reads the tip and the fingertip from MuJoCo's site and body positions, which after a
// step are those of the integrator's last evaluation (the fourth stage of RK4, not the new state).
// The functions here compute them from z' by the forward kinematics of the MJCF files. On the
// golden episodes of tests/systems (random controls up to 2.5 times their bounds) the rewards
// differ by less than 5e-3 of values between -15 and 10, and the ends not at all.
#ifndef ROLLOUT_MODELS_REWARDS_PENDULUMS_H_
#define ROLLOUT_MODELS_REWARDS_PENDULUMS_H_

#include "models/rewards/reward.h"

namespace rollout {

// n = 2, nu = 1, exact. 1 for every step that does not end the episode; ends when |angle| > 0.2 or
// a number is not finite.
double InvertedPendulumReward(const TransitionView& transition);
bool InvertedPendulumTermination(const TransitionView& transition);

// n = 3, nu = 1, tip approximated as above. 10 while the tip (x, y) has y > 1,
// - 0.01 x^2 - (y - 2)^2 - 1e-3 v1^2 - 5e-3 v2^2.
double InvertedDoublePendulumReward(const TransitionView& transition);
bool InvertedDoublePendulumTermination(const TransitionView& transition);

// n = 4 (two joints, then the target's x and y), nu = 2, fingertip approximated as above.
// - |fingertip - target| - |u|^2; never ends.
double ReacherReward(const TransitionView& transition);

// Derivatives of these rewards.
void AddInvertedPendulumGradient(const TransitionView& transition, const RewardGradient& gradient);
void AddInvertedDoublePendulumGradient(const TransitionView& transition,
                                       const RewardGradient& gradient);
// 0 where the fingertip is on the target, at the tip of a cone.
void AddReacherGradient(const TransitionView& transition, const RewardGradient& gradient);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_REWARDS_PENDULUMS_H_
