// A fit from its first step to its record, as every run of Gruver et al. (2022) goes.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_MEASURED_FIT_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_MEASURED_FIT_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/experiment.h"
#include "models/evaluation/rollout_windows.h"
#include "trainer/fitting/fitter.h"

namespace rollout {

// Writes what it finds of a model to the record; names of metrics begin with `prefix`.
using MeasureModel = std::function<absl::Status(const TransitionModel& model,
                                                const std::string& prefix, RunRecord* record)>;

// Steps `fitter` to its end and measures its model after half of the steps ("half_") and at the end
// (""). Adds train_loss (mean of the last hundred steps), parameters, cpu_seconds_per_step and the
// wall time to `fresh`, whose settings a run must share with the one that it goes on from. A fit
// that diverges ends with that outcome and is measured as it is. CANCELLED where context.stop was
// set, with everything under context.partial; in the end the state of a finished fit alone is
// left there, as context.partial + ".trained", for what a later question wants of the model.
absl::StatusOr<RunRecord> RunMeasuredFit(Fitter& fitter, RunRecord fresh, const RunContext& context,
                                         const MeasureModel& measure);

// [stretches, states, 2n]: the model's rollouts from the first state of each stretch under its
// controls. Stretches are of one length.
absl::StatusOr<std::vector<float>> PredictStretches(const TransitionModel& model,
                                                    const std::vector<ObservedEpisode>& stretches);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_MEASURED_FIT_H_
