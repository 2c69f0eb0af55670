// What GetModel and ListModels say.
#ifndef ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_
#define ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_

#include "rollout/v1/transition_model.pb.h"
#include "server/registry/model_registry.h"

namespace rollout {

v1::Model ModelMessage(const ModelStatus& status);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_MODEL_MESSAGES_H_
