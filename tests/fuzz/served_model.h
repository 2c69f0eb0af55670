// One small model, for harnesses whose input is a request for it.
#ifndef ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_
#define ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_

#include <cstddef>
#include <cstdint>

#include "server/registry/version_source.h"
#include "server/services/rollout_codec.h"

namespace rollout {

// "model", version 1: NODE_SO of 2 positions and 2 controls, as TestRepository has it. Made at the
// first call, used by the harness's one thread until the process ends.
VersionSource& ServedModel();

// Limits that keep one input cheap.
RequestLimits FuzzLimits();

// Decodes `data` as a request; where it is a good one, computes it and words the reply. Ends the
// process where a refusal says nothing or a reply is larger than its limit.
void DecodeAndAnswer(const RolloutCodec& codec, const uint8_t* data, size_t size);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_
