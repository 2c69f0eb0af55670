// rollout-trainer sac: learns a policy by soft actor-critic, or measures one.
#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_format.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "base/terminal.h"
#include "datasets/dataset_writer.h"
#include "nlohmann/json.hpp"
#include "spdlog/spdlog.h"
#include "systems/system.h"
#include "trainer/collection/recording_system.h"
#include "trainer/command.h"
#include "trainer/sac/actor_file.h"
#include "trainer/sac/policy_evaluation.h"
#include "trainer/sac/sac_training.h"

namespace rollout {
namespace {

// Set by SIGINT and SIGTERM: a signal handler can reach nothing but a static. Lock-free.
std::atomic<bool> stop_requested = false;

struct SacArguments {
  SacTrainingOptions training;
  std::string system;
  bool resume = false;
  std::string record;    // a dataset of the episodes that it learns from
  std::string evaluate;  // an actor file
  int episodes = 20;
  bool stochastic = false;
  bool json = false;
};

int Fail(const absl::Status& status) {
  absl::FPrintF(stderr, "rollout-trainer sac: %s\n", std::string(status.message()));
  return 1;
}

int Evaluate(const SacArguments& arguments) {
  absl::StatusOr<Actor> actor = ReadActorFile(arguments.evaluate);
  if (!actor.ok()) return Fail(actor.status());
  absl::StatusOr<std::unique_ptr<System>> system =
      MakeSystem(arguments.system.empty() ? actor->system : arguments.system);
  if (!system.ok()) return Fail(system.status());
  absl::StatusOr<std::unique_ptr<ActorPolicy>> policy = ActorPolicy::Create(
      std::make_shared<const Actor>(*std::move(actor)), (*system)->info(), arguments.stochastic);
  if (!policy.ok()) return Fail(policy.status());
  const PolicyReturns returns =
      EvaluatePolicy(**system, **policy, arguments.episodes, arguments.training.seed);
  if (arguments.json) {
    const nlohmann::ordered_json report = {{"system", (*system)->info().name},
                                           {"actor", arguments.evaluate},
                                           {"episodes", arguments.episodes},
                                           {"stochastic", arguments.stochastic},
                                           {"seed", arguments.training.seed},
                                           {"mean_return", returns.mean},
                                           {"return_deviation", returns.standard_deviation},
                                           {"mean_steps", returns.mean_steps}};
    absl::PrintF("%s\n", report.dump(2));
    return 0;
  }
  absl::PrintF(
      "%s: return %.1f +- %.1f (mean and standard deviation of %d %s episodes, seed %d), "
      "%.0f steps an episode\n",
      (*system)->info().name, returns.mean, returns.standard_deviation, arguments.episodes,
      arguments.stochastic ? "stochastic" : "deterministic", arguments.training.seed,
      returns.mean_steps);
  return 0;
}

int Train(const SacArguments& arguments) {
  absl::StatusOr<std::unique_ptr<System>> system = MakeSystem(arguments.system);
  if (!system.ok()) return Fail(system.status());
  absl::StatusOr<std::unique_ptr<System>> evaluation_system = MakeSystem(arguments.system);
  if (!evaluation_system.ok()) return Fail(evaluation_system.status());

  std::signal(SIGINT, [](int) { stop_requested = true; });
  std::signal(SIGTERM, [](int) { stop_requested = true; });
  std::unique_ptr<DatasetWriter> writer;
  if (!arguments.record.empty()) {
    auto created = DatasetWriter::Create(arguments.record, DescribeDataset((*system)->info()));
    if (!created.ok()) return Fail(created.status());
    writer = *std::move(created);
  }
  RecordingSystem recorded(*std::move(system), "sac", [&writer](const Episode& episode) {
    return writer ? writer->Append(episode) : absl::OkStatus();
  });
  const RealClock clock;
  SacTraining training(arguments.training, &recorded, evaluation_system->get(), &clock,
                       &stop_requested);
  if (arguments.resume) {
    if (absl::Status status = training.Resume(); !status.ok()) return Fail(status);
    spdlog::info("{}: resumed at step {}", arguments.system, training.step());
  }
  const int64_t first_step = training.step();
  ProgressLine progress(stderr, "sac " + arguments.system, "updates",
                        arguments.training.steps - first_step, &clock);
  const absl::Status status = training.Run([&](const SacTraining::Progress& now) {
    progress.Update(now.step - first_step,
                    absl::StrFormat("step %d, last return %.0f, best evaluation %.0f", now.step,
                                    now.last_episode_return, now.best_evaluation));
  });
  progress.Finish();
  if (!status.ok()) return Fail(status);
  if (writer) {
    absl::Status written = recorded.Finish();
    written.Update(writer->Close());
    if (!written.ok()) return Fail(written);
  }
  if (arguments.json) {
    const nlohmann::ordered_json report = {
        {"system", arguments.system},
        {"steps", training.step()},
        {"best_evaluation", training.learning_curve().best_return()},
        {"out", arguments.training.out_dir}};
    absl::PrintF("%s\n", report.dump(2));
    return 0;
  }
  absl::PrintF("%s: %d steps, best evaluation %.1f, actors in %s\n", arguments.system,
               training.step(), training.learning_curve().best_return(),
               arguments.training.out_dir);
  return 0;
}

int RunSac(const SacArguments& arguments) {
  if (!arguments.evaluate.empty()) return Evaluate(arguments);
  if (arguments.system.empty() || arguments.training.out_dir.empty()) {
    return Fail(absl::InvalidArgumentError(
        "training needs --system and --out (or measure a policy with --evaluate FILE)"));
  }
  if (arguments.resume && arguments.training.checkpoint_dir.empty()) {
    return Fail(absl::InvalidArgumentError("--resume needs --checkpoint-dir"));
  }
  return Train(arguments);
}

}  // namespace

void AddSacCommand(CLI::App& app, int* exit_status) {
  CLI::App* command = app.add_subcommand("sac", "Learn a policy by soft actor-critic");
  auto arguments = std::make_shared<SacArguments>();
  SacTrainingOptions& training = arguments->training;
  command->add_option("--system", arguments->system, "Task, such as hopper_v5");
  command->add_option("--steps", training.steps, "Environment steps, one update each")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command
      ->add_option("--seed", training.seed,
                   "Of weights, actions and episodes; of --evaluate, its episodes")
      ->capture_default_str();
  command->add_option("--out", training.out_dir,
                      "Folder for learning_curve.csv, best, last and snapshot actors");
  command->add_option("--discount", training.sac.discount, "Of each further step's reward")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      ->add_option("--learning-starts", training.learning_starts,
                   "Steps of random actions before the first update")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--replay-capacity", training.replay_capacity, "Transitions kept")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command
      ->add_option("--evaluate-every", training.evaluation_interval,
                   "Steps between two measurements of the policy")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command
      ->add_option("--evaluation-episodes", training.evaluation_episodes,
                   "Of each --evaluate-every")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--snapshots", training.snapshots, "Actors kept, evenly over the training")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--checkpoint-dir", training.checkpoint_dir,
                      "Where the whole training is saved, to be resumed");
  command->add_option("--checkpoint-every", training.checkpoint_interval, "Steps between two saves")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_flag("--resume", arguments->resume, "Continue from --checkpoint-dir");
  command->add_option("--record", arguments->record,
                      "Dataset (.hdf5) of every episode of the training, as the replay buffer "
                      "holds them; a resumed training records what follows");
  command->add_option("--evaluate", arguments->evaluate,
                      "Measure this actor file instead of training");
  command->add_option("--episodes", arguments->episodes, "Episodes of --evaluate")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_flag("--stochastic", arguments->stochastic,
                    "Sample the actions of --evaluate instead of taking their mode");
  command->add_flag("--json", arguments->json, "Print the outcome as JSON");
  command->callback([arguments, exit_status] { *exit_status = RunSac(*arguments); });
}

}  // namespace rollout
