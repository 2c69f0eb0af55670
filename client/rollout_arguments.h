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
  bool total_return = false;           // [B]; the model must name a reward
  bool rewards = false;                // [B, T], 0 after termination
  bool terminated_step = false;        // [B], T + 1 where no state terminates
  bool first_non_finite_step = false;  // [B], T + 1 where all is finite
};

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
  absl::Span<const float> controls;        // [B, T, nu], held over one transition_dt each
  RolloutOutputs outputs;
  bool clip_controls = true;  // into the model's control bounds
  std::string id;             // echoed in the reply and in the server's log
};

// The message of `arguments`. INVALID_ARGUMENT when the spans do not divide into lanes, horizon and
// states; whether 2n and nu fit the model, the server says.
absl::Status FillRequest(const RolloutArguments& arguments, v1::RolloutRequest* request);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUT_ARGUMENTS_H_
