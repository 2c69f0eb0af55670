#include "trainer/publishing/training_cycle.h"

#include <cmath>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "models/checkpoint/publish.h"
#include "trainer/publishing/fit_settings.h"
#include "trainer/publishing/live_version.h"
#include "trainer/publishing/model_fit.h"

namespace rollout {
namespace {

// Of the bootstrap that compares versions: apart from that of the fit.
constexpr uint64_t kComparisonStream = 3;

absl::StatusOr<CycleOutcome> Publish(const FittedModel& fitted, const FitData& data,
                                     const TrainingCycleOptions& options, const FitOptions& fit,
                                     const std::string& reason, TrainerMetrics& metrics,
                                     const Clock& clock) {
  const auto content = PrepareVersion(fitted, data, fit);
  if (!content.ok()) return content.status();
  const auto version = PublishCheckpoint(options.repository, *content, clock);
  if (!version.ok()) return version.status();
  const auto removed = PruneVersions(options.repository, options.model, options.keep);
  if (!removed.ok()) return removed.status();
  metrics.CountPublish("published");
  metrics.SetLastPublish(clock.Now());
  return CycleOutcome{
      true, *version,
      absl::StrFormat("published %s version %d: %s", options.model, *version, reason)};
}

}  // namespace

absl::StatusOr<CycleOutcome> RunTrainingCycle(const FitData& data,
                                              const TrainingCycleOptions& options,
                                              TrainerMetrics& metrics, const Clock& clock,
                                              const std::function<void(const Fitter&)>& observe) {
  const auto live = FindLiveVersion(options.repository, options.model);
  if (!live.ok()) return live.status();
  if (options.start_from == StartFrom::kLive && !live->has_value()) {
    return absl::NotFoundError(absl::StrCat("--init live: model repository ", options.repository,
                                            " has no readable version of ", options.model,
                                            "; --init live-or-scratch begins without one"));
  }
  const bool from_live = options.start_from != StartFrom::kScratch && live->has_value();
  const TransitionModel* live_model = live->has_value() ? (*live)->checkpoint.model.get() : nullptr;

  ModelFitRequest request;
  request.options = options.fit;
  request.options.name = options.model;
  if (from_live) {
    InheritArchitecture(*live_model, &request.options);
    request.initial = live_model;
  }
  if (live_model != nullptr) request.state_scale = live_model->spec.state_scale;
  request.evaluation = options.evaluation;
  request.run.state_file = options.state_file;
  request.run.settings = DescribeFit(request.options, data);
  request.run.settings["initial"] =
      from_live ? (*live)->checkpoint.manifest_sha256 : std::string("scratch");
  request.run.stop = options.stop;
  request.run.group = options.group;
  request.facts.command = options.command;
  request.facts.data = options.data_origin;
  request.facts.started_from =
      from_live ? absl::StrCat("version ", (*live)->version) : std::string("random weights");
  metrics.SetDatasetTransitions(
      static_cast<double>(data.training_transitions + data.held_out_transitions));
  const auto fitted = FitModel(data, request, clock, [&](const Fitter& fitter) {
    metrics.CountUpdate();
    metrics.SetLoss(fitter.loss());
    if (observe) observe(fitter);
  });
  if (!fitted.ok()) return fitted.status();
  if (!fitted->complete) {
    return CycleOutcome{
        false, 0,
        absl::StrFormat("process %d of %d has fitted its share of %s", options.group->process(),
                        options.group->size(), options.model)};
  }
  if (!options.state_file.empty()) RemoveFitState(options.state_file);

  if (live_model == nullptr) {
    return Publish(*fitted, data, options, request.options, "there was no version before", metrics,
                   clock);
  }
  const auto verdict =
      CompareModels(fitted->model, *live_model, data, fitted->statistics, options.evaluation,
                    DeriveSeed(options.fit.seed, kComparisonStream));
  if (!verdict.ok()) return verdict.status();
  metrics.SetErrorRatio(std::exp(verdict->log_ratio), std::exp(verdict->log_ratio_low),
                        std::exp(verdict->log_ratio_high));
  if (options.stop != nullptr && *options.stop) {
    return absl::CancelledError("interrupted after the fit; nothing was published");
  }
  const std::string reason =
      absl::StrFormat("%s; %d held-out episodes, against live version %d", verdict->reason,
                      data.held_out.size(), (*live)->version);
  if (verdict->better) {
    return Publish(*fitted, data, options, request.options, reason, metrics, clock);
  }
  metrics.CountPublish("not_better");
  return CycleOutcome{false, 0, absl::StrFormat("did not publish %s: %s", options.model, reason)};
}

}  // namespace rollout
