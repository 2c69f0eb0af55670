// model.json: what parses must be valid, and survive being written and read again.
#include <cstdlib>

#include "models/checkpoint/model_json.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto spec = rollout::ParseModelJson({reinterpret_cast<const char*>(data), size});
  if (!spec.ok() || !rollout::ValidateSpec(*spec).ok()) return 0;
  const std::string written = rollout::WriteModelJson(*spec);
  const auto again = rollout::ParseModelJson(written);
  if (!again.ok() || rollout::WriteModelJson(*again) != written) std::abort();
  return 0;
}
