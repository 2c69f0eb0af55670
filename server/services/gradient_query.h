// What a gradient or a linearisation asks, checked. Pure functions.
#ifndef ROLLOUT_SERVER_SERVICES_GRADIENT_QUERY_H_
#define ROLLOUT_SERVER_SERVICES_GRADIENT_QUERY_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "models/transition_model.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/services/rollout_query.h"

namespace rollout {

// Ready for an engine.
struct GradientQuery {
  int64_t lanes = 0;                          // B
  int64_t horizon = 0;                        // T
  std::vector<float> initial_states;          // [S, 2n]
  int64_t hold = 1;                           // transitions that each row of controls is held for
  std::vector<float> controls;                // [B, T / hold, nu], clipped where asked
  std::vector<uint8_t> cut_off;               // of controls, 1 where a bound changed the number;
                                              // empty where none did
  std::vector<float> trajectory_cotangents;   // [B, T + 1, 2n] or empty
  std::vector<float> final_state_cotangents;  // [B, 2n] or empty
  bool of_return = false;
  double discount = 1.0;
  std::optional<QueryCost> cost;  // instead of the named reward

  // With what the reply will hold.
  int64_t num_bytes() const;
};

// INVALID_ARGUMENT naming the field, what it got and what was expected, as MakeRolloutQuery; also
// where not exactly one of the three objectives is given, or a cost without the return. Reply and
// states along the rollout are held against their own limits.
absl::StatusOr<GradientQuery> MakeGradientQuery(const TransitionModelSpec& spec,
                                                const v1::GradientRequest& request,
                                                const RequestLimits& limits);

// A query of one lane without an objective. A horizon whose Jacobians exceed the limit on replies
// is refused.
absl::StatusOr<GradientQuery> MakeLinearizeQuery(const TransitionModelSpec& spec,
                                                 const v1::LinearizeRequest& request,
                                                 const RequestLimits& limits);

// Every row `hold` times: the controls of each transition.
std::vector<float> HeldRows(const std::vector<float>& rows, int64_t hold, int64_t num_controls);

// The other way: the sum of each `hold` rows.
std::vector<float> SummedRows(const std::vector<float>& rows, int64_t hold, int64_t num_controls);

// The gradient through the clip: 0 for controls strictly outside of their bounds. `derivatives`
// holds `copies` times `rows` numbers for every control of the query: [.., copies, rows, nu].
void ZeroCutOff(const GradientQuery& query, int64_t num_controls, int64_t copies, int64_t rows,
                std::vector<float>* derivatives);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_GRADIENT_QUERY_H_
