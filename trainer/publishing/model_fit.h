// From data to a model that can be published.
#ifndef ROLLOUT_TRAINER_PUBLISHING_MODEL_FIT_H_
#define ROLLOUT_TRAINER_PUBLISHING_MODEL_FIT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "models/checkpoint/checkpoint.h"
#include "models/transition_model.h"
#include "trainer/fitting/data_statistics.h"
#include "trainer/fitting/fit_data.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/fitting/fit_run.h"
#include "trainer/publishing/evaluation_report.h"
#include "trainer/publishing/model_card.h"

namespace rollout {

struct ModelFitRequest {
  FitOptions options;
  FitRunOptions run;
  EvaluationOptions evaluation;
  const TransitionModel* initial = nullptr;  // a model to go on from
  std::vector<float> state_scale;            // inherited from the live version; empty = the data's
  CardFacts facts;                           // command, data, note; the rest is filled in
};

struct FittedModel {
  // False in the processes of a group other than its first, which alone evaluates the model: there
  // is no report, and the specification is not complete.
  bool complete = false;
  TransitionModel model;  // with its useful horizon
  DataStatistics statistics;
  EvaluationReport report;
  CardFacts facts;
};

// Fits, evaluates on the held-out episodes and completes the specification. Errors of each part as
// they are; CANCELLED where request.run.stop ended it.
absl::StatusOr<FittedModel> FitModel(const FitData& data, const ModelFitRequest& request,
                                     const Clock& clock, const FitObserver& observe);

// The files of the version: the model, its golden rollouts and its card.
absl::StatusOr<CheckpointContent> PrepareVersion(const FittedModel& fitted, const FitData& data,
                                                 const FitOptions& options);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_MODEL_FIT_H_
