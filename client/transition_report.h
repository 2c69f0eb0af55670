// One stretch of an episode as it really happened, told to the server.
#ifndef ROLLOUT_CLIENT_TRANSITION_REPORT_H_
#define ROLLOUT_CLIENT_TRANSITION_REPORT_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// A plain value; the spans must stay valid until the call has returned. The server joins stretches
// of the same (client, episode) that follow each other, and rolls its versions out along them: that
// is where the prediction error in its metrics comes from.
struct TransitionReport {
  std::string model;
  std::string client;       // who reports: one name for each running client
  std::string episode;      // unique within the client
  uint64_t first_step = 0;  // index in the episode of the first state
  int64_t num_transitions = 0;
  absl::Span<const double> states;    // [num_transitions + 1, 2n]
  absl::Span<const double> controls;  // [num_transitions, nu], as applied to the system
  absl::Duration period;              // between states; zero = the model's transition_dt
  // [num_transitions + 1] in seconds, when each state was; instead of `period`. Empty = not said.
  absl::Span<const double> timestamps;
  bool terminated = false;  // the task's own end follows the last state
  bool truncated = false;   // a time limit does
};

// INVALID_ARGUMENT when the spans do not divide into num_transitions.
absl::Status FillRequest(const TransitionReport& report, v1::ReportTransitionsRequest* request);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_TRANSITION_REPORT_H_
