// Fits of Greydanus et al. (2019) from their first step to the last, over several sittings.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_STEPPED_FIT_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_STEPPED_FIT_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "experiments/experiment.h"
#include "experiments/partial_record.h"
#include "trainer/fitting/fitter.h"

namespace rollout {

// A fit that can be saved between two steps. One owner.
class SteppedFit {
 public:
  virtual ~SteppedFit() = default;

  // One optimiser step. INTERNAL where the loss is no longer finite or LibTorch fails.
  virtual absl::Status Step() = 0;
  virtual int64_t step() const = 0;

  // Everything that decides how it goes on.
  virtual FitState Save() const = 0;
  // INVALID_ARGUMENT where the sizes are not this fit's.
  virtual absl::Status Restore(const FitState& state) = 0;
};

// Steps `fit` to `steps`, from context.partial + ".state" where a sitting before left it, and calls
// `at_half` once half of the steps are made. A loss that is not finite ends the fit with that
// outcome in the record. CANCELLED once context.stop is set, with fit and record saved; both are
// saved every `save_every` too. INVALID_ARGUMENT where the saved fit is of other settings.
absl::Status StepToEnd(SteppedFit& fit, int64_t steps, const RunContext& context,
                       PartialRecord* partial, const std::function<absl::Status()>& at_half,
                       absl::Duration save_every = absl::Seconds(30));

// The finished record. Of the files under context.partial the state of a finished fit alone stays,
// as context.partial + ".trained", for what a later question wants of the model.
RunRecord FinishSteps(const RunContext& context, PartialRecord* partial);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_STEPPED_FIT_H_
