// Rewards and terminations of the planar locomotion tasks of Gymnasium v5 (hopper_v5.py,
// walker2d_v5.py, half_cheetah_v5.py, swimmer_v5.py), exact: forward velocity is the change of q[0]
// over dt, and nothing else than (z, u, z') enters.
#ifndef ROLLOUT_MODELS_REWARDS_PLANAR_WALKERS_H_
#define ROLLOUT_MODELS_REWARDS_PLANAR_WALKERS_H_

#include "models/rewards/reward.h"

namespace rollout {

// n = 6, nu = 3. Velocity + 1 while healthy - 1e-3 |u|^2. Healthy: z > 0.7, |angle| < 0.2 and every
// state from q[2] on within (-100, 100); ends when not healthy, so also on a number that is no
// number.
double HopperReward(const TransitionView& transition);
bool HopperTermination(const TransitionView& transition);

// n = 9, nu = 6. Velocity + 1 while healthy - 1e-3 |u|^2. Healthy: 0.8 < z < 2 and |angle| < 1.
double Walker2dReward(const TransitionView& transition);
bool Walker2dTermination(const TransitionView& transition);

// n = 9, nu = 6. Velocity - 0.1 |u|^2; never ends.
double HalfCheetahReward(const TransitionView& transition);

// n = 5, nu = 2. Velocity - 1e-4 |u|^2; never ends.
double SwimmerReward(const TransitionView& transition);

// Derivatives of these rewards.
void AddHopperGradient(const TransitionView& transition, const RewardGradient& gradient);
void AddWalker2dGradient(const TransitionView& transition, const RewardGradient& gradient);
void AddHalfCheetahGradient(const TransitionView& transition, const RewardGradient& gradient);
void AddSwimmerGradient(const TransitionView& transition, const RewardGradient& gradient);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_REWARDS_PLANAR_WALKERS_H_
