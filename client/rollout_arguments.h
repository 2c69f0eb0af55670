// What a client asks: a model, initial states, control sequences, and which outputs.
#ifndef ROLLOUT_CLIENT_ROLLOUT_ARGUMENTS_H_
#define ROLLOUT_CLIENT_ROLLOUT_ARGUMENTS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// What the reply shall hold. B lanes, T transitions, states of 2n numbers.
struct RolloutOutputs {
  bool trajectory = true;              // [B, 1 + T / stride, 2n], the initial state first
  uint32_t stride = 1;                 // every k-th state of the trajectory
  bool final_state = false;            // [B, 2n]
  bool total_return = false;           // [B]; the model must name a reward, or a cost be given
  bool rewards = false;                // [B, T], 0 after termination
  bool terminated_step = false;        // [B], T + 1 where no state terminates
  bool first_non_finite_step = false;  // [B], T + 1 where all is finite
  bool first_outside_step = false;     // [B], of the range of the model's data; T + 1 where inside
  bool spread = false;  // of trajectory, final state and return: their deviation over members
};

// A quadratic cost with diagonal weights, all at least 0; an empty span means zeros. Transition t,
// from z_t under u_t to z_{t+1}, costs the weighted squares of z_{t+1} - reference(t+1) (angular
// positions modulo 2 pi), of u_t and of u_t - u_{t-1}; the last one of the horizon those of
// `terminal` besides. Rewards are then minus the cost.
struct RolloutCost {
  absl::Span<const float> state;           // [2n]
  absl::Span<const float> control;         // [nu]
  absl::Span<const float> control_change;  // [nu]
  absl::Span<const float> terminal;        // [2n]
  absl::Span<const float> reference;  // [1, 2n], or [T + 1, 2n], whose first row counts for nothing
  int64_t reference_rows = 1;
  absl::Span<const float> last_control;  // [nu], applied before; empty: the first change is free
  bool add_reward = false;               // the model's named reward counts, too
};

// What becomes of an ensemble's members: all roll out, or each lane follows one, drawn with the
// seed for each transition (kTs1) or once (kTsInf).
enum class RolloutEnsemble { kAllMembers, kTs1, kTsInf };

// A plain value; the spans must stay valid only until the call that takes it has returned (also
// the asynchronous one: it copies them into its message at once).
struct RolloutArguments {
  std::string model;
  uint64_t version = 0;  // 0 = the highest good one; a plan names the version of its first reply
  std::string label;     // "stable": the version that carries it, instead of `version`
  int64_t lanes = 0;     // B >= 1
  int64_t horizon = 0;   // T >= 1
  int64_t num_initial_states = 1;  // S: 1, shared by all lanes, or B
  // float32; positions in the model's units (radians, metres), then velocities per second.
  absl::Span<const float> initial_states;  // [S, 2n]
  absl::Span<const float> controls;        // [B, T / hold, nu], each held for `hold` transitions
  int64_t hold = 1;
  RolloutOutputs outputs;
  double discount = 1.0;              // of the return, from 0 to 1
  const RolloutCost* cost = nullptr;  // instead of the model's named reward
  RolloutEnsemble ensemble = RolloutEnsemble::kAllMembers;
  uint64_t seed = 0;          // of kTs1 and kTsInf
  bool clip_controls = true;  // into the model's control bounds
  std::string id;             // echoed in the reply and in the server's log
};

// INVALID_ARGUMENT when the reference does not divide into its rows.
absl::Status FillCost(const RolloutCost& cost, v1::DiagonalCost* message);

// The message of `arguments`. INVALID_ARGUMENT when the spans do not divide into lanes, horizon and
// states; whether 2n and nu fit the model, the server says.
absl::Status FillRequest(const RolloutArguments& arguments, v1::RolloutRequest* request);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUT_ARGUMENTS_H_
