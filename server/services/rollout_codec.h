// How a protocol words a rollout request and its reply.
#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_CODEC_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_CODEC_H_

#include <grpcpp/support/byte_buffer.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/registry/version_source.h"
#include "server/services/rollout_answer.h"
#include "server/services/rollout_query.h"

namespace rollout {

// A request that was understood, with the version that will answer it.
struct DecodedRollout {
  ServableHandle servable;
  RolloutQuery query;
  std::string id;                                     // echoed
  std::vector<std::string> outputs;                   // names, where their order is the caller's
  absl::Duration timeout = absl::InfiniteDuration();  // beside the call's own deadline
};

// What a request calls its model and itself; empty where it does not, or nobody can read it.
struct RequestNames {
  std::string model;
  std::string id;
};

// Stateless; any thread. Owned by the service.
class RolloutCodec {
 public:
  virtual ~RolloutCodec() = default;

  // Errors: INVALID_ARGUMENT for bytes that are no such message and for what MakeRolloutQuery
  // refuses, and those of VersionSource::Find. `refused` then tells what was refused.
  virtual absl::StatusOr<DecodedRollout> Decode(const grpc::ByteBuffer& bytes,
                                                VersionSource* versions,
                                                const RequestLimits& limits,
                                                RequestNames* refused) const = 0;

  // Of a request that is refused as it stands.
  virtual RequestNames NamesOf(const grpc::ByteBuffer& bytes) const = 0;

  // The reply; takes the answer's memory.
  virtual grpc::ByteBuffer Encode(const DecodedRollout& request, RolloutAnswer* answer) const = 0;
};

// rollout.v1.RolloutRequest and RolloutReply.
std::unique_ptr<RolloutCodec> MakeTransitionModelCodec();

// inference.ModelInferRequest and ModelInferResponse (Open Inference Protocol v2).
std::unique_ptr<RolloutCodec> MakeInferenceCodec();

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_CODEC_H_
