// One model of Gruver et al. (2022) on one mechanical system.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_RUN_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_RUN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "experiments/experiment.h"
#include "experiments/gruver/toy_models.h"

namespace rollout {

struct ToyRun {
  std::string key;
  std::string system;
  ToyModel model = kNode;
  int64_t steps = 8000;
  uint64_t seed = 0;  // of the data, the weights and the order of batches
};

// Fits windows of 5 states by the 3/8 rule, one step a sample: networks of 2 x 256 tanh, batches of
// 200 of 800 chunks, Adam with decoupled weight decay 1e-4, 5e-3 falling to a thousandth along a
// cosine, mean squared (or absolute) error of raw states. Measured on 200 rollouts of 100 states,
// after half of the steps and at the end, where the symplecticity error is measured as well. Goes
// on from what a stopped one left under context.partial, as RunMeasuredFit does.
absl::StatusOr<RunRecord> MakeToyRun(const ToyRun& run, const RunContext& context);

// The model of a finished run, from the state of its fit; its scale of errors is the deviation of
// the training states. Held out are the test rollouts. NOT_FOUND where there is no such file,
// INVALID_ARGUMENT where it is of another run.
absl::StatusOr<TrainedModel> ReadToyModel(const ToyRun& run, const std::string& trained);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_RUN_H_
