// An interrupted fit on disk, so that it goes on where it was.
#ifndef ROLLOUT_TRAINER_FITTING_FIT_STATE_FILE_H_
#define ROLLOUT_TRAINER_FITTING_FIT_STATE_FILE_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "trainer/fitting/fitter.h"

namespace rollout {

// What a continuing fit must agree with, by name ("kind", "seed", "data", ...), as text.
using FitSettings = std::map<std::string, std::string>;

// One safetensors file, replaced in one step: a fit that is killed while saving keeps the state
// before. Errors of the operating system with the path.
absl::Status WriteFitState(const std::string& path, const FitState& state,
                           const FitSettings& settings);

// NOT_FOUND where there is no such file; INVALID_ARGUMENT naming what is missing or unreadable in
// it, or the setting that differs, with both values.
absl::StatusOr<FitState> ReadFitState(const std::string& path, const FitSettings& settings);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_FIT_STATE_FILE_H_
