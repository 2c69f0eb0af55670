// Collect, fit, evaluate, publish: one turn of the loop that keeps a model true to the world.
#ifndef ROLLOUT_TRAINER_PUBLISHING_TRAINING_CYCLE_H_
#define ROLLOUT_TRAINER_PUBLISHING_TRAINING_CYCLE_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "trainer/fitting/fit_data.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/fitting/fitter.h"
#include "trainer/publishing/evaluation_report.h"
#include "trainer/publishing/trainer_metrics.h"

namespace rollout {

// What a fit begins with: random weights, those of the live version, or the latter where there is
// one.
enum class StartFrom { kScratch, kLive, kLiveOrScratch };

struct TrainingCycleOptions {
  std::string repository;
  std::string model;
  StartFrom start_from = StartFrom::kScratch;
  FitOptions fit;  // its architecture is the live version's where the fit begins with that
  EvaluationOptions evaluation;
  int keep = 10;            // versions that stay
  std::string command;      // for the card
  std::string data_origin;  // where the episodes come from, for the card
  std::string state_file;   // of an interrupted fit; empty = lost
  const std::atomic<bool>* stop = nullptr;
  ProcessGroup* group = nullptr;  // who fits it together; its first process compares and publishes
};

struct CycleOutcome {
  bool published = false;
  int64_t version = 0;  // where published
  std::string line;     // what happened and why, with figures
};

// Fits a model to `data`, compares it with the live version and publishes it when it is better (or
// when there is none). The new version inherits the live one's state_scale, so that their errors
// stay comparable. Errors of each part as they are; NOT_FOUND where kLive finds no live
// version; CANCELLED where options.stop ended it.
absl::StatusOr<CycleOutcome> RunTrainingCycle(const FitData& data,
                                              const TrainingCycleOptions& options,
                                              TrainerMetrics& metrics, const Clock& clock,
                                              const std::function<void(const Fitter&)>& observe);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_TRAINING_CYCLE_H_
