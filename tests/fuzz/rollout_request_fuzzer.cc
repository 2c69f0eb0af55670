// rollout.v1.RolloutRequest, from its bytes to the reply.
#include "tests/fuzz/served_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto codec = rollout::MakeTransitionModelCodec();
  rollout::DecodeAndAnswer(*codec, data, size);
  return 0;
}
