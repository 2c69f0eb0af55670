// Tensors and costs as requests of rollout.v1 bring them. Pure functions.
#ifndef ROLLOUT_SERVER_SERVICES_REQUEST_TENSORS_H_
#define ROLLOUT_SERVER_SERVICES_REQUEST_TENSORS_H_

#include "absl/status/statusor.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/services/query_settings.h"
#include "server/services/rollout_query.h"

namespace rollout {

// Views `tensor`, which must outlive it. INVALID_ARGUMENT where it is not FP32; shape and bytes are
// not looked at.
absl::StatusOr<FloatTensorView> FloatTensor(const char* field, const v1::Tensor& tensor);

// INVALID_ARGUMENT where the bytes of the reference are not its shape's; whether it fits a model,
// CheckSettings says.
absl::StatusOr<QueryCost> CostFromMessage(const v1::DiagonalCost& message);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_REQUEST_TENSORS_H_
