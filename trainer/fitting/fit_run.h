// A fit from start to end: optimiser steps, saved states, progress, interruption.
#ifndef ROLLOUT_TRAINER_FITTING_FIT_RUN_H_
#define ROLLOUT_TRAINER_FITTING_FIT_RUN_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "trainer/fitting/fit_state_file.h"
#include "trainer/fitting/fitter.h"

namespace rollout {

struct FitRunOptions {
  std::string state_file;  // empty = an interrupted fit is lost
  FitSettings settings;    // what a resumed fit must agree with
  bool restart = false;    // ignore a saved state
  std::string loss_file;   // CSV of step, loss (mean since the line before); empty = none
  absl::Duration save_every = absl::Seconds(30);
  const std::atomic<bool>* stop = nullptr;  // polled between optimiser steps; may be null
  ProcessGroup* group = nullptr;            // the fitter's; process 0 alone writes files
};

// Called after every optimiser step.
using FitObserver = std::function<void(const Fitter& fitter)>;

// Steps `fitter` until it is done, resuming from options.state_file where there is one. CANCELLED,
// after saving the state, where `stop` turned true (in a group: anywhere); the fitter's error where
// it diverged; FAILED_PRECONDITION where the processes of a group do not fit the same. The state
// file is the caller's to remove once the model is safe (RemoveFitState); a group reads one and the
// same.
absl::Status RunFit(Fitter& fitter, const FitRunOptions& options, const Clock& clock,
                    const FitObserver& observe);

// Removes a state file that is no longer needed; missing = fine.
void RemoveFitState(const std::string& path);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_FIT_RUN_H_
