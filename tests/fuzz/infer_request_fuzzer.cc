// inference.ModelInferRequest (raw and typed tensors), from its bytes to the reply.
#include "tests/fuzz/served_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto codec = rollout::MakeInferenceCodec();
  rollout::DecodeAndAnswer(*codec, data, size);
  return 0;
}
