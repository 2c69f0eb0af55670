// f(q), what networks see of positions, and the way back.
#ifndef ROLLOUT_TRAINER_FITTING_POSITION_FEATURES_H_
#define ROLLOUT_TRAINER_FITTING_POSITION_FEATURES_H_

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "models/transition_model.h"

namespace rollout {

// f(q) = [cos q_a for a in angular, sin q_a for a in angular, the other q but the ignored, in
// order], lane by lane. Immutable.
class PositionFeatures {
 public:
  explicit PositionFeatures(const TransitionModelSpec& spec)
      : num_positions_(spec.num_positions), angular_(spec.angular_positions) {
    const auto in = [](const std::vector<int>& list, int i) {
      return std::find(list.begin(), list.end(), i) != list.end();
    };
    for (int i = 0; i < spec.num_positions; ++i) {
      if (!in(spec.angular_positions, i) && !in(spec.ignored_positions, i)) plain_.push_back(i);
    }
  }

  int size() const { return static_cast<int>(2 * angular_.size() + plain_.size()); }

  // q [n] → features [size()].
  template <typename Real>
  void Write(const Real* q, Real* features) const {
    const size_t angles = angular_.size();
    for (size_t a = 0; a < angles; ++a) {
      features[a] = std::cos(q[angular_[a]]);
      features[angles + a] = std::sin(q[angular_[a]]);
    }
    Real* out = features + 2 * angles;
    for (const int position : plain_) *out++ = q[position];
  }

  // Adds to `q_cotangent` [n] (df/dq)' cotangent, with `features` = f(q).
  template <typename Real>
  void PullBack(const Real* features, const Real* cotangent, Real* q_cotangent) const {
    const size_t angles = angular_.size();
    for (size_t a = 0; a < angles; ++a) {
      q_cotangent[angular_[a]] +=
          features[a] * cotangent[angles + a] - features[angles + a] * cotangent[a];
    }
    const Real* in = cotangent + 2 * angles;
    for (const int position : plain_) q_cotangent[position] += *in++;
  }

  // The way back through PullBack for a cotangent `back` [n] of its result: that of `cotangent` is
  // written to `to_cotangent` [size()], that of q added to `q_cotangent`.
  template <typename Real>
  void BackThroughPullBack(const Real* features, const Real* cotangent, const Real* back,
                           Real* to_cotangent, Real* q_cotangent) const {
    const size_t angles = angular_.size();
    for (size_t a = 0; a < angles; ++a) {
      const Real cosine = features[a], sine = features[angles + a], b = back[angular_[a]];
      to_cotangent[a] = -sine * b;
      to_cotangent[angles + a] = cosine * b;
      q_cotangent[angular_[a]] -= b * (sine * cotangent[angles + a] + cosine * cotangent[a]);
    }
    Real* out = to_cotangent + 2 * angles;
    for (const int position : plain_) *out++ = back[position];
  }

  // Write and PullBack of `lanes` lanes; `cotangent` has `columns` a lane, features first.
  template <typename Real>
  void WriteLanes(int64_t lanes, const Real* q, Real* features) const {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      Write(q + lane * num_positions_, features + lane * size());
    }
  }
  template <typename Real>
  void PullBackLanes(int64_t lanes, const Real* features, const Real* cotangent, int columns,
                     Real* q_cotangent) const {
    for (int64_t lane = 0; lane < lanes; ++lane) {
      PullBack(features + lane * size(), cotangent + lane * columns,
               q_cotangent + lane * num_positions_);
    }
  }

 private:
  int num_positions_;
  std::vector<int> angular_;
  std::vector<int> plain_;  // those that enter networks as they are
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_POSITION_FEATURES_H_
