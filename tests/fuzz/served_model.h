// Two small models, for harnesses whose input is a request for one of them.
#ifndef ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_
#define ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/transition_model.h"
#include "server/registry/version_source.h"
#include "server/services/alone_call.h"
#include "server/services/rollout_codec.h"

namespace rollout {

// "model": NODE_SO of 2 positions, the second an angle, and 1 bounded control, with two members, a
// reward, a termination and the range of its data, so that requests may ask for every output.
TransitionModelSpec FuzzSpec();

// Random weights of that spec as version 1, and beside it "pixels", a PIXEL_HNN of 2 latent
// positions without controls, whose latent states another model of that size computes. Made at the
// first call, used by the harness's one thread until the process ends.
VersionSource& ServedModels();

// Limits that keep one input cheap.
RequestLimits FuzzLimits();

// Decodes `data` as a request; where it is a good one, computes it and words the reply. Ends the
// process where a refusal says nothing or a reply is larger than its limit.
void DecodeAndAnswer(const RolloutCodec& codec, const uint8_t* data, size_t size);

// Computes what `made` found good, on the engine's thread, and words the reply. Ends the process
// where a refusal says nothing or the engine fails.
void AnswerAlone(absl::StatusOr<std::unique_ptr<AloneWork>> made);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_FUZZ_SERVED_MODEL_H_
