// Reports of observed transitions as they come by rollout.v1.
#ifndef ROLLOUT_SERVER_SERVICES_TRANSITION_REPORT_H_
#define ROLLOUT_SERVER_SERVICES_TRANSITION_REPORT_H_

#include "absl/status/statusor.h"
#include "models/transition_model.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/prediction_error/reported_episodes.h"
#include "server/services/rollout_query.h"

namespace rollout {

// INVALID_ARGUMENT naming the field, what it got and what was expected, where types, shapes and
// bytes do not fit each other or `spec`. What the numbers say is checked by
// PredictionError::Report.
absl::StatusOr<TransitionChunk> ChunkFromMessage(const v1::ReportTransitionsRequest& request,
                                                 const TransitionModelSpec& spec,
                                                 const RequestLimits& limits);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_TRANSITION_REPORT_H_
