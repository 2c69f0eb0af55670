// rollout-trainer run: collect, fit, evaluate and publish what is better, once or again and again.
#include <ATen/Parallel.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/available_cores.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "base/random.h"
#include "base/terminal.h"
#include "nlohmann/json.hpp"
#include "systems/system.h"
#include "trainer/collection/collector.h"
#include "trainer/collection/policy_files.h"
#include "trainer/collection/policy_plan.h"
#include "trainer/command.h"
#include "trainer/fit_arguments.h"
#include "trainer/publishing/trainer_metrics.h"
#include "trainer/publishing/training_cycle.h"
#include "trainer/stop_signal.h"

namespace rollout {
namespace {

struct RunArguments {
  FitArguments fit;
  std::string repository;
  std::string model;
  std::string system;
  std::string policy;
  std::vector<std::string> data;
  std::string initial = "scratch";
  bool once = false;
  std::string every;
  int64_t episodes = 50;
  int max_episode_steps = 0;
  int threads = 1;
  int keep = 10;
  std::string metrics_listen;
  std::string state_file;
  bool json = false;
};

// What collects episodes for every turn. Lives as long as the command.
struct Source {
  std::unique_ptr<System> system;
  PolicyPlan plan;
};

// A start that cannot succeed names the option, its value and what to do.
absl::Status Refused(absl::string_view option, absl::string_view value, const absl::Status& status,
                     absl::string_view remedy) {
  return absl::Status(status.code(),
                      absl::StrCat("--", option, "=", value, ": ", status.message(), remedy));
}

// Before hours of collecting: the folder that versions go to is there and can be written.
absl::Status CheckRepository(const std::string& path) {
  if (access((path + "/.").c_str(), R_OK | W_OK | X_OK) == 0) return absl::OkStatus();
  return Refused(
      "model-repository", path,
      absl::FailedPreconditionError(
          absl::StrCat("cannot be written: ", std::string(std::strerror(errno)))),
      "; give a folder that this user may write: empty, or with <model>/<version>/ in it");
}

absl::StatusOr<Source> OpenSource(const RunArguments& arguments) {
  Source source;
  if (arguments.policy.empty() || arguments.system.empty()) {
    return absl::InvalidArgumentError(
        "collecting needs --system and --policy (an actor file or \"random\"); or name datasets "
        "with --data");
  }
  auto system = MakeSystem(arguments.system);
  if (!system.ok()) return Refused("system", arguments.system, system.status(), "");
  source.system = *std::move(system);
  const SystemInfo& info = source.system->info();
  if (arguments.policy == "random") {
    source.plan = SinglePolicy(RandomPolicyNamed());
    return source;
  }
  auto actor = LoadActor(arguments.policy);
  if (!actor.ok()) {
    return Refused("policy", arguments.policy, actor.status(),
                   "; give an actor file, as `rollout-trainer sac` writes it, or random");
  }
  std::vector<std::shared_ptr<const Actor>> earlier;
  for (const std::string& file : SnapshotsBeside(arguments.policy)) {
    auto snapshot = LoadActor(file);
    if (!snapshot.ok()) return snapshot.status();
    earlier.push_back(*std::move(snapshot));
  }
  // A policy that came without its snapshots takes part in their place.
  if (earlier.empty()) earlier.push_back(*actor);
  auto plan = ActorMixture(*actor, earlier, info);
  if (!plan.ok()) return plan.status();
  source.plan = *std::move(plan);
  return source;
}

// Adds the episodes of turn `turn` to `data`.
absl::Status Collect(const RunArguments& arguments, const Source& source, uint64_t turn,
                     const std::atomic<bool>& stop, const Clock& clock, TrainerMetrics& metrics,
                     FitData* data) {
  const SystemInfo& info = source.system->info();
  CollectionOptions options;
  options.episodes = arguments.episodes;
  options.seed = DeriveSeed(arguments.fit.options.seed, turn);
  options.threads = arguments.threads;
  options.max_episode_steps = arguments.max_episode_steps;
  options.stop = &stop;
  // Each turn is a dataset of its own, so that its episodes have sides of their own.
  const std::string id =
      absl::StrCat("rollout/", info.name, "-run", arguments.fit.options.seed, "-v", turn);
  if (data->recorded.num_positions == 0) SetDatasetInfo(DescribeDataset(info, id), data);
  ProgressLine progress(stderr, absl::StrCat("collect ", info.name), "episodes", options.episodes,
                        &clock);
  int64_t collected = 0;
  const auto summary =
      CollectEpisodes(*source.system, source.plan, options, [&](const Episode& episode) {
        AddEpisode(episode, id, arguments.fit.test_fraction, data);
        metrics.SetEpisodeReturn(
            std::accumulate(episode.rewards.begin(), episode.rewards.end(), 0.0));
        progress.Update(++collected);
        return absl::OkStatus();
      });
  progress.Finish();
  if (!summary.ok()) return summary.status();
  if (stop) return absl::CancelledError("interrupted while collecting");
  if (data->training.empty() || data->held_out.empty()) {
    return absl::InvalidArgumentError(absl::StrFormat(
        "%d episodes leave %d to train on and %d held out at a test fraction of %g; collect more "
        "(--episodes)",
        collected, data->training.size(), data->held_out.size(), arguments.fit.test_fraction));
  }
  return absl::OkStatus();
}

// Waits until `until` or `stop`, whichever is first.
void WaitUntil(absl::Time until, const std::atomic<bool>& stop, const Clock& clock) {
  while (!stop && clock.Now() < until) {
    absl::SleepFor(std::min(absl::Milliseconds(200), until - clock.Now()));
  }
}

void PrintOutcome(const RunArguments& arguments, const CycleOutcome& outcome) {
  if (!arguments.json) {
    absl::PrintF("%s\n", outcome.line);
    return;
  }
  nlohmann::ordered_json report = {{"model", arguments.model}, {"published", outcome.published}};
  if (outcome.published) report["version"] = outcome.version;
  report["outcome"] = outcome.line;
  absl::PrintF("%s\n", report.dump());
}

absl::Status Run(const RunArguments& arguments) {
  const std::atomic<bool>& stop = CatchStopSignals();
  absl::Duration every = absl::ZeroDuration();
  if (!arguments.every.empty() &&
      (!absl::ParseDuration(arguments.every, &every) || every <= absl::ZeroDuration())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--every: found ", arguments.every, ", expected a duration above 0 such as 10m or 90s"));
  }
  if (!arguments.every.empty() && (arguments.once || !arguments.data.empty())) {
    return absl::InvalidArgumentError("--every goes neither with --once nor with --data");
  }
  if (absl::Status s = CheckRepository(arguments.repository); !s.ok()) return s;
  auto options = ResolveFitOptions(arguments.fit, arguments.model);
  if (!options.ok()) return options.status();
  auto metrics = TrainerMetrics::Create(arguments.metrics_listen, arguments.model);
  if (!metrics.ok()) return metrics.status();
  const RealClock clock;

  TrainingCycleOptions cycle;
  cycle.repository = arguments.repository;
  cycle.model = arguments.model;
  cycle.start_from = arguments.initial == "live"              ? StartFrom::kLive
                     : arguments.initial == "live-or-scratch" ? StartFrom::kLiveOrScratch
                                                              : StartFrom::kScratch;
  cycle.fit = *options;
  cycle.evaluation = arguments.fit.evaluation;
  cycle.keep = arguments.keep;
  cycle.command = CommandLine();
  cycle.state_file = arguments.state_file;
  cycle.stop = &stop;

  const auto group = JoinProcessGroupOfEnvironment();
  if (!group.ok()) return group.status();
  cycle.group = group->get();
  if (cycle.group != nullptr && arguments.data.empty()) {
    return absl::InvalidArgumentError(
        "WORLD_SIZE: processes that fit together need the same episodes: name them with --data");
  }

  FitData data;
  Source source;
  if (arguments.data.empty()) {
    auto opened = OpenSource(arguments);
    if (!opened.ok()) return opened.status();
    source = *std::move(opened);
    cycle.data_origin = absl::StrCat(arguments.system, " under ", arguments.policy);
  } else {
    auto read = ReadFitData(arguments.data, arguments.fit.test_fraction,
                            arguments.fit.max_training_episodes);
    if (!read.ok()) return read.status();
    data = *std::move(read);
    cycle.data_origin = absl::StrJoin(data.files, ", ");
  }

  for (uint64_t turn = 0;; ++turn) {
    const absl::Time start = clock.Now();
    if (arguments.data.empty()) {
      const absl::Status status = Collect(arguments, source, turn, stop, clock, **metrics, &data);
      if (!status.ok()) return status;
    }
    // Later turns draw other windows and, from scratch, other weights.
    cycle.fit.seed = DeriveSeed(arguments.fit.options.seed, turn);
    ProgressLine progress(stderr, absl::StrCat("fit ", arguments.model), "steps", cycle.fit.steps,
                          &clock);
    const auto outcome = RunTrainingCycle(data, cycle, **metrics, clock, [&](const Fitter& fitter) {
      progress.Update(fitter.step(), absl::StrFormat("loss %.3g", fitter.loss()));
    });
    progress.Finish();
    if (!outcome.ok()) {
      if (!absl::IsCancelled(outcome.status())) (*metrics)->CountPublish("failed");
      return outcome.status();
    }
    PrintOutcome(arguments, *outcome);
    std::fflush(stdout);
    if (every == absl::ZeroDuration()) return absl::OkStatus();
    WaitUntil(start + every, stop, clock);
    if (stop) return absl::OkStatus();
  }
}

}  // namespace

void AddRunCommand(CLI::App& app, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("run", "Collect, fit, evaluate, and publish a version that is better");
  auto arguments = std::make_shared<RunArguments>();
  arguments->threads = NumAvailableCores();
  command->add_option("--model-repository", arguments->repository, "Where better versions go")
      ->required();
  command->add_option("--model", arguments->model, "The model's name")->required();
  command->add_option("--system", arguments->system, "Task, such as hopper_v5");
  command->add_option("--policy", arguments->policy,
                      "Actor file (mixed with noise and with the snapshots beside it), or "
                      "\"random\"");
  command->add_option("--data", arguments->data, "Fit to these datasets instead of collecting");
  command
      ->add_option("--init", arguments->initial,
                   "scratch; live: go on from the live version's weights; live-or-scratch: from "
                   "scratch only where there is no live version")
      ->check(CLI::IsMember({"scratch", "live", "live-or-scratch"}))
      ->capture_default_str();
  command->add_flag("--once", arguments->once, "One turn, which is the default");
  command->add_option("--every", arguments->every, "Turn after turn at this interval, such as 10m");
  command->add_option("--episodes", arguments->episodes, "Collected in each turn")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--max-episode-steps", arguments->max_episode_steps, "0 = the system's own")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--threads", arguments->threads, "That collect")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--keep", arguments->keep, "Versions that stay")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--metrics-listen", arguments->metrics_listen,
                      "Address for Prometheus, such as 127.0.0.1:8003; by default none");
  command->add_option("--state-file", arguments->state_file,
                      "Where an interrupted fit is saved; by default nowhere");
  command->add_flag("--json", arguments->json, "Print each turn's outcome as a line of JSON");
  AddFitArguments(*command, &arguments->fit);
  command->callback([arguments, exit_status] {
    at::set_num_threads(1);
    const absl::Status status = Run(*arguments);
    if (status.ok()) return;
    absl::FPrintF(stderr, "rollout-trainer run: %s\n", std::string(status.message()));
    *exit_status = 1;
  });
}

}  // namespace rollout
