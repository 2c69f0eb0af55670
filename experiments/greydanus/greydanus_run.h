// One training of the Greydanus table.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_RUN_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_RUN_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "experiments/experiment.h"
#include "experiments/greydanus/greydanus_task.h"
#include "experiments/run_record.h"
#include "models/transition_model.h"

namespace rollout {

struct GreydanusModel {
  const char* name;
  DynamicsKind kind;  // NODE, the baseline, or HNN_CANONICAL
};

// Trains `model` for `steps` optimiser steps on the data of `task` that `seed` decides. The record
// has the losses at the end ("train_loss", "test_loss") and the energy errors of the task's
// rollouts at the end and after half of the steps ("energy_mse", "half_energy_mse": series, and
// metrics
// "..._mean", "..._median"). Goes on from what a stopped or killed one left under context.partial;
// CANCELLED once context.stop is set. A fit whose loss is no longer finite ends the training, not
// the experiment.
absl::StatusOr<RunRecord> MakeGreydanusRun(const GreydanusTask& task, const GreydanusModel& model,
                                           int64_t steps, uint64_t seed, const RunContext& context);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_GREYDANUS_RUN_H_
