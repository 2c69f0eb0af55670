// What a caller asks of an engine: control sequences in, trajectories and reductions out.
#ifndef ROLLOUT_MODELS_ENGINES_ROLLOUT_JOB_H_
#define ROLLOUT_MODELS_ENGINES_ROLLOUT_JOB_H_

#include <atomic>
#include <cstdint>

#include "absl/types/span.h"

namespace rollout {

// A quadratic cost with diagonal weights, given by the caller. Transition t (from 0), from z_t
// under u_t to z_{t+1}, costs
//
//   Σ_i state_i d_i(t+1)² + Σ_k control_k u_{t,k}² + Σ_k control_change_k (u_{t,k} - u_{t-1,k})²,
//
// with d(t) = z_t - reference(t), wrapped into (-π, π] for angular positions, and u_{-1} the last
// control applied before the rollout. The last transition of the horizon costs Σ_i terminal_i
// d_i(T)² besides; a lane that terminated before does not get there. Spans must stay valid as those
// of the job; an empty one means zeros. Weights are finite and not negative.
struct DiagonalCost {
  absl::Span<const float> state;           // [2n]
  absl::Span<const float> control;         // [nu]
  absl::Span<const float> control_change;  // [nu]
  absl::Span<const float> terminal;        // [2n]
  absl::Span<const float> reference;       // [1, 2n] for all times, or [T + 1, 2n] (row 0 unused)
  absl::Span<const float> last_control;    // [nu]; empty: the first change is from u_0, so nothing
  bool add_reward = false;                 // the model's named reward counts, too
};

// What becomes of the E members of an ensemble.
enum class EnsembleUse {
  // Each member rolls out on its own over the whole horizon; means and spreads over members.
  kAllMembers,
  // One member a lane (Chua et al. 2018, "Deep reinforcement learning in a handful of trials using
  // probabilistic dynamics models", section 5): kTs1 draws it anew for each transition, kTsInf once
  // (DrawMember in member_draw.h).
  kTs1,
  kTsInf,
};

// The lanes of one caller: B control sequences of the same length from one shared or B own initial
// states. The caller has checked finiteness and clipped the controls; spans must stay valid while
// an engine has the job. An empty output span means "not wanted".
//
// The reward of transition t is r_t = the named reward, or -cost (plus the named reward where the
// cost adds it). A lane terminates with the first transition for which the model's termination
// function holds; trajectories go on.
struct RolloutJob {
  int64_t lanes = 0;                       // B >= 1
  int64_t horizon = 0;                     // T >= 1, transitions
  absl::Span<const float> initial_states;  // [1, 2n] shared by all lanes, or [B, 2n]
  absl::Span<const float> controls;        // [B, ceil(T / hold), nu]
  int64_t hold = 1;                        // transitions for which each control row is held
  int64_t stride = 1;                      // of `trajectory`: every stride-th state
  double discount = 1.0;                   // γ in [0, 1], of `total_return`
  const DiagonalCost* cost = nullptr;      // instead of the named reward
  EnsembleUse ensemble = EnsembleUse::kAllMembers;
  uint64_t seed = 0;  // of kTs1 and kTsInf
  // Polled between transitions; outputs are then undefined.
  const std::atomic<bool>* cancelled = nullptr;
  void* owner = nullptr;  // for whoever feeds an engine; engines do not look at it

  // With kAllMembers, states and returns are arithmetic means over members (angles unwrapped) and
  // spreads their population standard deviations.
  absl::Span<float> trajectory;          // [B, 1 + T / stride, 2n], the initial state first
  absl::Span<float> trajectory_spread;   // the same; needs kAllMembers
  absl::Span<float> final_state;         // [B, 2n]
  absl::Span<float> final_state_spread;  // [B, 2n]; needs kAllMembers
  absl::Span<float> total_return;   // [B], Σ γᵗ r_t up to and with the terminating transition;
                                    // NaN where a lane diverges before it terminates. Each
                                    // member has its own termination
  absl::Span<float> return_spread;  // [B]; needs kAllMembers
  absl::Span<float> rewards;        // [B, T], r_t without discount, 0 after termination
  absl::Span<int32_t> terminated_step;  // [B], index of the first terminating state, T + 1 if none
  absl::Span<int32_t> first_non_finite_step;  // [B], of any member; T + 1 where all is finite
  absl::Span<int32_t> first_outside_step;     // [B], index (from 0) of the first state outside the
                                              // spec's data_low and data_high; T + 1 if none
};

// Rows of `trajectory` of one lane.
inline int64_t TrajectoryRows(int64_t horizon, int64_t stride) { return 1 + horizon / stride; }

// Rows of `controls` of one lane.
inline int64_t ControlRows(int64_t horizon, int64_t hold) { return 1 + (horizon - 1) / hold; }

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_ROLLOUT_JOB_H_
