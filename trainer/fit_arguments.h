// The options of a fit on the command line, shared by `fit` and `run`.
#ifndef ROLLOUT_TRAINER_FIT_ARGUMENTS_H_
#define ROLLOUT_TRAINER_FIT_ARGUMENTS_H_

#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/statusor.h"
#include "trainer/fitting/fit_options.h"
#include "trainer/publishing/evaluation_report.h"

namespace rollout {

struct FitArguments {
  std::string kind = "NODE_SO";
  std::vector<int> hidden_sizes = {128, 128};
  int memory_size = 32;
  std::string norm = "L2";
  std::string activation = "TANH";
  std::string integrator;  // empty = the kind's default
  int substeps = 8;
  int ensemble_size = 1;
  std::string mass = "LEARNED";  // of the kinds that have one
  bool without_force = false;    // HNN kinds
  FitOptions options;
  EvaluationOptions evaluation;
  double test_fraction = 0.2;
  int64_t max_training_episodes = 0;
};

void AddFitArguments(CLI::App& command, FitArguments* arguments);

// Options with everything that `arguments` say. INVALID_ARGUMENT for a name that does not exist,
// listing those that do.
absl::StatusOr<FitOptions> ResolveFitOptions(const FitArguments& arguments,
                                             const std::string& model_name);

// The command line as it was typed, without the folder of the program: for a model's card.
std::string CommandLine();

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FIT_ARGUMENTS_H_
