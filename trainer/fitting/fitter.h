// One fit: optimiser steps from an initialisation to a transition model.
#ifndef ROLLOUT_TRAINER_FITTING_FITTER_H_
#define ROLLOUT_TRAINER_FITTING_FITTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/transition_model.h"
#include "trainer/fitting/adam.h"
#include "trainer/fitting/data_statistics.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/fitting/model_parameters.h"
#include "trainer/fitting/process_group.h"
#include "trainer/fitting/training_set.h"
#include "trainer/fitting/window_loss.h"

namespace rollout {

// Everything that decides how a fit goes on.
struct FitState {
  int64_t step = 0;
  std::vector<float> parameters;
  std::vector<float> first_moment;
  std::vector<float> second_moment;
  std::vector<double> losses;  // the mean over each kLossInterval steps so far
  double loss_sum = 0.0;       // of the interval under way
};

// The specification of a model that is fitted to data of `info` with `options`: sizes, names,
// bounds and scales from the data, the rest from the options. INVALID_ARGUMENT where they
// contradict each other.
absl::StatusOr<TransitionModelSpec> MakeFitSpec(const DatasetInfo& info,
                                                const DataStatistics& statistics,
                                                const FitOptions& options);

// One owner; LibTorch must compute on one thread (at::set_num_threads(1)), which also makes every
// step the same in every run, bit for bit: the n-th step is a function of the state before it and
// of the seed. Addresses inside are shared among its parts: neither copied nor moved. In a group
// every process has a Fitter, all of which take the same steps, each computing its share of every
// batch.
class Fitter {
 public:
  static constexpr int64_t kLossInterval = 100;

  // `initial`: a model to go on from, or nullptr to start from random weights. `group`: those who
  // fit it together, outliving the fitter, or nullptr for this process alone. INVALID_ARGUMENT
  // where the batch cannot be shared out evenly.
  static absl::StatusOr<std::unique_ptr<Fitter>> Create(
      TrainingSet set, const DataStatistics& statistics, const TransitionModelSpec& spec,
      const FitOptions& options, const TransitionModel* initial, ProcessGroup* group = nullptr);
  Fitter(const Fitter&) = delete;
  Fitter& operator=(const Fitter&) = delete;

  // One optimiser step of every member. INTERNAL, naming the step, where the loss diverged; in a
  // group its errors too.
  absl::Status Step();

  // Asks to end early. stopped() turns true at once, in a group after the next step, which is the
  // same one in every process.
  void RequestStop();
  bool stopped() const { return stopped_; }

  int64_t step() const { return state_.step; }
  int64_t total_steps() const { return options_.steps; }
  bool done() const { return state_.step >= options_.steps; }
  // The loss (mean over members) of the last step; NaN before the first.
  double loss() const { return loss_; }
  double learning_rate() const;
  // Learned numbers of all members.
  int64_t num_parameters() const;
  int64_t num_windows() const { return samplers_[0].num_windows(); }

  FitState Save() const;
  // INVALID_ARGUMENT where the sizes are not this fit's.
  absl::Status Restore(const FitState& state);

  const FitState& state() const { return state_; }
  TransitionModel Model() const { return parameters_.ToModel(state_.parameters); }

 private:
  Fitter(TrainingSet set, const DataStatistics& statistics, const TransitionModelSpec& spec,
         const FitOptions& options, ProcessGroup* group);

  const FitOptions options_;
  const TrainingSet set_;
  const ModelParameters parameters_;
  ProcessGroup* const group_;  // may be null
  std::unique_ptr<WindowLoss> window_loss_;
  std::vector<WindowSampler> samplers_;  // one for each member
  Adam adam_;
  FitState state_;  // its moments are adam_'s
  double loss_;
  bool stop_requested_ = false;
  bool stopped_ = false;
  std::vector<WindowBatch> batches_;
  std::vector<double> losses_;
  std::vector<float> gradient_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_FITTER_H_
