#include "trainer/publishing/model_fit.h"

#include <cmath>
#include <limits>

#include "trainer/fitting/fitter.h"
#include "trainer/fitting/training_set.h"
#include "trainer/publishing/golden_choice.h"

namespace rollout {

absl::StatusOr<FittedModel> FitModel(const FitData& data, const ModelFitRequest& request,
                                     const Clock& clock, const FitObserver& observe) {
  FittedModel fitted;
  auto statistics = MeasureData(data.training, data.info);
  if (!statistics.ok()) return statistics.status();
  fitted.statistics = *std::move(statistics);
  auto spec = MakeFitSpec(data.info, fitted.statistics, request.options);
  if (!spec.ok()) return spec.status();
  auto set = MakeTrainingSet(data.training, data.info, request.options.window_states);
  if (!set.ok()) return set.status();
  auto fitter = Fitter::Create(*std::move(set), fitted.statistics, *spec, request.options,
                               request.initial, request.run.group);
  if (!fitter.ok()) return fitter.status();

  const absl::Time start = clock.Now();
  const absl::Status status = RunFit(**fitter, request.run, clock, observe);
  if (!status.ok()) return status;
  fitted.facts = request.facts;
  fitted.facts.fit_seconds = absl::ToDoubleSeconds(clock.Now() - start);
  const std::vector<double>& losses = (*fitter)->state().losses;
  fitted.facts.final_loss = losses.empty() ? (*fitter)->loss() : losses.back();

  fitted.model = (*fitter)->Model();
  fitted.complete = request.run.group == nullptr || request.run.group->process() == 0;
  if (!fitted.complete) return fitted;
  if (!request.state_scale.empty()) fitted.model.spec.state_scale = request.state_scale;
  auto report = EvaluateModel(fitted.model, data, fitted.statistics, request.evaluation);
  if (!report.ok()) return report.status();
  fitted.report = *std::move(report);
  fitted.model.spec.useful_horizon =
      static_cast<int>(fitted.report.predictors.front().useful_horizon);
  return fitted;
}

absl::StatusOr<CheckpointContent> PrepareVersion(const FittedModel& fitted, const FitData& data,
                                                 const FitOptions& options) {
  auto golden = ChooseGolden(fitted.model, data, GoldenOptions{});
  if (!golden.ok()) return golden.status();
  CheckpointContent content;
  content.model = fitted.model;
  content.golden = *std::move(golden);
  content.card = WriteModelCard(fitted.model, data, options, fitted.report, fitted.facts);
  return content;
}

}  // namespace rollout
