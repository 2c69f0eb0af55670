// What GetModel and ListModels say.
#ifndef ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_
#define ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_

#include "rollout/v1/transition_model.pb.h"
#include "server/registry/model_registry.h"

namespace rollout {

// `dimension_errors`: prediction errors per dimension too. Every loaded version but the stable one
// (the label "stable", or else what serves by default) is compared with it.
v1::Model ModelMessage(const ModelStatus& status, bool dimension_errors = false);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_
