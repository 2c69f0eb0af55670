// What identifies a fit.
#ifndef ROLLOUT_TRAINER_PUBLISHING_FIT_SETTINGS_H_
#define ROLLOUT_TRAINER_PUBLISHING_FIT_SETTINGS_H_

#include "models/transition_model.h"
#include "trainer/fitting/fit_data.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/fitting/fit_state_file.h"

namespace rollout {

// The architecture of `model` in the place of what the options say: a fit that goes on from it must
// have it.
void InheritArchitecture(const TransitionModel& model, FitOptions* options);

// What a resumed fit must agree with: every setting that decides the outcome.
FitSettings DescribeFit(const FitOptions& options, const FitData& data);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_FIT_SETTINGS_H_
