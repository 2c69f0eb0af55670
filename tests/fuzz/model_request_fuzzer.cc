// What may be asked of a whole server about its models, in rollout.v1 and in the Open Inference
// Protocol. The first byte chooses the method, the rest is the message.
#include <grpcpp/impl/codegen/proto_utils.h>

#include <cstdlib>

#include "rollout/v1/transition_model.pb.h"
#include "tests/fuzz/served_server.h"

namespace {

constexpr const char* kMethods[] = {
    "/rollout.v1.TransitionModel/GetModel",
    "/rollout.v1.TransitionModel/ListModels",
    "/inference.GRPCInferenceService/ServerMetadata",
    "/inference.GRPCInferenceService/ModelReady",
    "/inference.GRPCInferenceService/ModelMetadata",
    "/inference.GRPCInferenceService/ModelConfig",
    "/inference.GRPCInferenceService/ModelStatistics",
    "/inference.GRPCInferenceService/RepositoryIndex",
};

// Until everything has been told once.
void Watch(const std::string& message) {
  bool complete = false;
  const rollout::ServerAnswer answer = rollout::CallServer(
      "/rollout.v1.TransitionModel/WatchModels", {message}, [&](const grpc::ByteBuffer& last) {
        grpc::ByteBuffer bytes = last;
        rollout::v1::WatchModelsReply reply;
        if (!grpc::SerializationTraits<rollout::v1::WatchModelsReply>::Deserialize(&bytes, &reply)
                 .ok()) {
          std::abort();
        }
        complete |= reply.complete();
        return complete;
      });
  // Either it told everything and was cancelled by us, or the message was none.
  if (!complete && (answer.status.ok() || answer.status.error_message().empty())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const size_t choice = data[0] % (std::size(kMethods) + 1);
  const std::string message(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (choice == std::size(kMethods)) {
    Watch(message);
  } else {
    rollout::CallServerOnce(kMethods[choice], message);
  }
  return 0;
}
