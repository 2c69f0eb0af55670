// rollout-trainer collect: drives a system by a policy and writes the episodes to a dataset.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/available_cores.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "base/table.h"
#include "base/terminal.h"
#include "datasets/dataset_path.h"
#include "datasets/dataset_writer.h"
#include "nlohmann/json.hpp"
#include "systems/system.h"
#include "trainer/collection/collector.h"
#include "trainer/collection/policy_files.h"
#include "trainer/collection/policy_plan.h"
#include "trainer/command.h"
#include "trainer/stop_signal.h"

namespace rollout {
namespace {

struct CollectArguments {
  std::string system;
  std::string policy = "random";  // or an actor file
  bool mixture = false;
  std::vector<std::string> earlier;  // actor files of the mixture's last quarter
  bool deterministic = false;
  std::string noise = "none";
  double noise_deviation = 0.2;
  CollectionOptions collection;
  std::string out;
  std::string dataset_id;
  DatasetWriterOptions writer;
  bool json = false;
};

int Fail(const absl::Status& status) {
  absl::FPrintF(stderr, "rollout-trainer collect: %s\n", std::string(status.message()));
  return 1;
}

absl::StatusOr<PolicyPlan> PlanMixture(const CollectArguments& arguments,
                                       std::shared_ptr<const Actor> actor, const SystemInfo& info) {
  const std::vector<std::string> files =
      arguments.earlier.empty() ? SnapshotsBeside(arguments.policy) : arguments.earlier;
  if (files.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("--mixture needs actors from earlier in the training: there is no "
                     "snapshot-*.safetensors beside ",
                     arguments.policy, "; name some with --earlier"));
  }
  std::vector<std::shared_ptr<const Actor>> earlier;
  for (const std::string& file : files) {
    absl::StatusOr<std::shared_ptr<const Actor>> loaded = LoadActor(file);
    if (!loaded.ok()) return loaded.status();
    earlier.push_back(*std::move(loaded));
  }
  return ActorMixture(std::move(actor), earlier, info);
}

NamedPolicy AddNoise(const CollectArguments& arguments, NamedPolicy policy) {
  if (arguments.noise == "none") return policy;
  const std::string name = absl::StrCat(policy.name, "+", arguments.noise);
  const double deviation = arguments.noise_deviation;
  if (arguments.noise == "gaussian") {
    return WithNoise(name, std::move(policy),
                     [deviation] { return std::make_unique<GaussianNoise>(deviation); });
  }
  return WithNoise(name, std::move(policy), [deviation] {
    return std::make_unique<OrnsteinUhlenbeckNoise>(OrnsteinUhlenbeckOptions{.sigma = deviation});
  });
}

// `actor` is null for the random policy.
absl::StatusOr<PolicyPlan> MakePlan(const CollectArguments& arguments,
                                    std::shared_ptr<const Actor> actor, const SystemInfo& info) {
  if (actor == nullptr) return SinglePolicy(AddNoise(arguments, RandomPolicyNamed()));
  if (arguments.mixture) return PlanMixture(arguments, std::move(actor), info);
  absl::StatusOr<NamedPolicy> policy =
      ActorPolicyNamed("actor", std::move(actor), info, !arguments.deterministic);
  if (!policy.ok()) return policy.status();
  return SinglePolicy(AddNoise(arguments, *std::move(policy)));
}

void PrintJson(const std::string& file, const DatasetInfo& info, const CollectionSummary& summary,
               double seconds) {
  nlohmann::ordered_json policies = nlohmann::ordered_json::array();
  for (const PolicyOutcome& outcome : summary.policies) {
    policies.push_back({{"policy", outcome.name},
                        {"episodes", outcome.episodes},
                        {"steps", outcome.steps},
                        {"terminated", outcome.terminated}});
    if (outcome.episodes == 0) continue;
    policies.back()["mean_return"] = outcome.return_sum / static_cast<double>(outcome.episodes);
    policies.back()["min_return"] = outcome.return_min;
    policies.back()["max_return"] = outcome.return_max;
  }
  const nlohmann::ordered_json report = {{"file", file},           {"dataset_id", info.id},
                                         {"system", info.system},  {"episodes", summary.episodes},
                                         {"steps", summary.steps}, {"seconds", seconds},
                                         {"policies", policies}};
  absl::PrintF("%s\n", report.dump(2));
}

void PrintTable(const std::string& file, const CollectionSummary& summary, double seconds) {
  Table table({"policy", "episodes", "steps", "ended", "mean return", "min", "max"});
  for (const PolicyOutcome& outcome : summary.policies) {
    if (outcome.episodes == 0) continue;
    table.AddRow(
        {outcome.name, absl::StrCat(outcome.episodes), absl::StrCat(outcome.steps),
         absl::StrCat(outcome.terminated),
         absl::StrFormat("%.1f", outcome.return_sum / static_cast<double>(outcome.episodes)),
         absl::StrFormat("%.1f", outcome.return_min), absl::StrFormat("%.1f", outcome.return_max)});
  }
  absl::PrintF("%s%s: %d episodes, %d steps in %.1f s (%.0f steps/s)\n", table.ToString(), file,
               summary.episodes, summary.steps, seconds,
               static_cast<double>(summary.steps) / std::max(seconds, 1e-9));
}

int RunCollect(const CollectArguments& arguments) {
  std::shared_ptr<const Actor> actor;
  if (arguments.policy != "random") {
    absl::StatusOr<std::shared_ptr<const Actor>> loaded = LoadActor(arguments.policy);
    if (!loaded.ok()) {
      return Fail(absl::Status(
          loaded.status().code(),
          absl::StrCat("--policy=", arguments.policy, ": ", loaded.status().message(),
                       "; give an actor file, as `rollout-trainer sac` writes it, or random")));
    }
    actor = *std::move(loaded);
  } else if (arguments.mixture) {
    return Fail(absl::InvalidArgumentError("--mixture needs an actor file as --policy"));
  }
  if (arguments.system.empty() && actor == nullptr) {
    return Fail(absl::InvalidArgumentError("--system is needed with the random policy"));
  }
  const absl::StatusOr<std::unique_ptr<System>> system =
      MakeSystem(arguments.system.empty() ? actor->system : arguments.system);
  if (!system.ok()) return Fail(system.status());
  const absl::StatusOr<PolicyPlan> plan = MakePlan(arguments, actor, (*system)->info());
  if (!plan.ok()) return Fail(plan.status());
  const DatasetInfo info = DescribeDataset((*system)->info(), arguments.dataset_id);
  const absl::StatusOr<std::unique_ptr<DatasetWriter>> writer =
      DatasetWriter::Create(arguments.out, info, arguments.writer);
  if (absl::IsAlreadyExists(writer.status())) {
    return Fail(absl::AlreadyExistsError(
        absl::StrCat("--out=", arguments.out, ": ", writer.status().message(),
                     "; give another name, or --overwrite to replace it")));
  }
  if (!writer.ok()) return Fail(writer.status());

  CollectionOptions options = arguments.collection;
  options.stop = &CatchStopSignals();
  const RealClock clock;
  const absl::Time start = clock.Now();
  ProgressLine progress(stderr, "collect " + info.system, "episodes", options.episodes, &clock);
  const absl::StatusOr<CollectionSummary> summary =
      CollectEpisodes(**system, *plan, options, [&](const Episode& episode) {
        const absl::Status status = (*writer)->Append(episode);
        const double seconds = absl::ToDoubleSeconds(clock.Now() - start);
        progress.Update((*writer)->num_episodes(),
                        absl::StrFormat("%d steps, %.0f steps/s", (*writer)->num_steps(),
                                        static_cast<double>((*writer)->num_steps()) / seconds));
        return status;
      });
  progress.Finish();
  if (!summary.ok()) return Fail(summary.status());
  if (summary->episodes == 0) return Fail(absl::CancelledError("interrupted before an episode"));
  const absl::Status closed = (*writer)->Close();
  if (!closed.ok()) return Fail(closed);
  const double seconds = absl::ToDoubleSeconds(clock.Now() - start);
  const std::string file = ResolveDatasetPath(arguments.out).file;
  if (arguments.json) {
    PrintJson(file, info, *summary, seconds);
  } else {
    PrintTable(file, *summary, seconds);
  }
  if (summary->episodes == options.episodes) return 0;
  return Fail(absl::CancelledError(absl::StrCat("interrupted; the dataset holds the ",
                                                summary->episodes, " episodes done by then")));
}

}  // namespace

void AddCollectCommand(CLI::App& app, int* exit_status) {
  CLI::App* command = app.add_subcommand("collect", "Drive a system by a policy into a dataset");
  auto arguments = std::make_shared<CollectArguments>();
  arguments->collection.episodes = 100;
  arguments->collection.threads = NumAvailableCores();
  command->add_option("--system", arguments->system,
                      "Task, such as hopper_v5; by default the actor's own");
  command->add_option("--policy", arguments->policy, "\"random\" or an actor file")
      ->capture_default_str();
  command->add_flag("--mixture", arguments->mixture,
                    "Half the actor sampled stochastically, a quarter with Ornstein-Uhlenbeck "
                    "noise, a quarter from actors earlier in its training");
  command->add_option("--earlier", arguments->earlier,
                      "Actor files of the mixture's last quarter; by default the snapshots beside "
                      "--policy");
  command->add_flag("--deterministic", arguments->deterministic,
                    "Take the mode of the actor's actions instead of sampling them");
  command->add_option("--noise", arguments->noise, "Added to the actions, which are then clipped")
      ->check(CLI::IsMember({"none", "gaussian", "ornstein-uhlenbeck"}))
      ->capture_default_str();
  command
      ->add_option("--noise-deviation", arguments->noise_deviation,
                   "Of each step's draw, in halves of a control's range")
      ->check(NumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--episodes", arguments->collection.episodes, "How many")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command
      ->add_option("--max-episode-steps", arguments->collection.max_episode_steps,
                   "Shorter episodes than the system's time limit; 0 = its own")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command
      ->add_option("--seed", arguments->collection.seed,
                   "Of initial states and actions; the same seed gives the same episodes")
      ->capture_default_str();
  command->add_option("--threads", arguments->collection.threads, "Episodes driven at once")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command
      ->add_option("--out", arguments->out,
                   "A file that ends in .hdf5, or a folder to be laid out as Minari's")
      ->required();
  command->add_option("--dataset-id", arguments->dataset_id,
                      "Decides, with an episode's number, on which side of a split it is; by "
                      "default rollout/<system>-v0");
  command->add_flag("--overwrite", arguments->writer.overwrite, "Replace a dataset that is there");
  command->add_option("--compress", arguments->writer.deflate_level, "zlib's level, 0 = none")
      ->check(CLI::Range(0, 9))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print the outcome as JSON");
  command->callback([arguments, exit_status] { *exit_status = RunCollect(*arguments); });
}

}  // namespace rollout
