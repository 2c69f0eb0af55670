// What an operator may say to a whole server, in rollout.v1.Admin and in the Open Inference
// Protocol: whatever it was, the model can be had back. The first byte chooses the method, the rest
// is the message.
#include <cstdlib>

#include "rollout/v1/admin.pb.h"
#include "tests/fuzz/served_server.h"

namespace {

constexpr const char* kMethods[] = {
    "/rollout.v1.Admin/Load",
    "/rollout.v1.Admin/Unload",
    "/rollout.v1.Admin/Pin",
    "/rollout.v1.Admin/SetLabel",
    "/rollout.v1.Admin/Drain",
    "/inference.GRPCInferenceService/RepositoryModelLoad",
    "/inference.GRPCInferenceService/RepositoryModelUnload",
};

template <typename Request>
void MustWork(const std::string& method, const Request& request) {
  if (!rollout::CallServerOnce(method, request.SerializeAsString()).status.ok()) std::abort();
}

// Undoes what the message may have done.
void Restore(const std::string& method, const std::string& message) {
  rollout::v1::LoadRequest load;
  load.set_model("model");
  MustWork("/rollout.v1.Admin/Load", load);
  rollout::v1::PinRequest pin;
  pin.set_model("model");
  MustWork("/rollout.v1.Admin/Pin", pin);
  rollout::v1::SetLabelRequest label;
  if (method != "/rollout.v1.Admin/SetLabel" || !label.ParseFromString(message)) return;
  label.set_version(0);
  MustWork(method, label);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string method = kMethods[data[0] % std::size(kMethods)];
  const std::string message(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (rollout::CallServerOnce(method, message).status.ok()) Restore(method, message);
  return 0;
}
