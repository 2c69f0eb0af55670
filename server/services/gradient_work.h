#ifndef ROLLOUT_SERVER_SERVICES_GRADIENT_WORK_H_
#define ROLLOUT_SERVER_SERVICES_GRADIENT_WORK_H_

#include <memory>

#include "absl/status/statusor.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/registry/version_source.h"
#include "server/services/alone_call.h"
#include "server/services/rollout_query.h"

namespace rollout {

// The work of rollout.v1's Gradient and Linearize. `request` is read here only; `reply` outlives
// the work. The errors of VersionSource::Find, MakeGradientQuery and MakeLinearizeQuery.
absl::StatusOr<std::unique_ptr<AloneWork>> MakeGradientWork(const v1::GradientRequest& request,
                                                            VersionSource* versions,
                                                            const RequestLimits& limits,
                                                            v1::GradientReply* reply);
absl::StatusOr<std::unique_ptr<AloneWork>> MakeLinearizeWork(const v1::LinearizeRequest& request,
                                                             VersionSource* versions,
                                                             const RequestLimits& limits,
                                                             v1::LinearizeReply* reply);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_GRADIENT_WORK_H_
