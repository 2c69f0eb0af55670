// collection-bench: how much of MuJoCo's own speed is left when episodes are collected.
//
// The floor is a loop of mj_step that replays the very episodes that were collected (the same
// starts and the same controls, hence the same contacts) and does nothing else. Collection is
// everything that `rollout-trainer collect` does, the dataset on disk included. Both run in turns
// in one process, so that what else the machine does hits both.
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/command_line.h"
#include "base/table.h"
#include "datasets/dataset_writer.h"
#include "nlohmann/json.hpp"
#include "systems/mujoco_model.h"
#include "systems/mujoco_task.h"
#include "systems/system.h"
#include "trainer/collection/collector.h"
#include "trainer/collection/policy_files.h"
#include "trainer/collection/policy_plan.h"

namespace rollout {
namespace {

struct Arguments {
  std::vector<std::string> systems = {"hopper_v5", "walker2d_v5", "half_cheetah_v5", "swimmer_v5"};
  std::string actor;  // file, measured beside the random policy on its own system
  std::vector<int> threads = {1, 2};
  int rounds = 7;
  int64_t steps = 10000;  // about as many a measurement
  std::string folder;     // where the datasets go while they are measured
  bool json = false;
};

struct Duration {
  double wall = 0.0;
  double cpu = 0.0;  // of all threads
};

double CpuSeconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

Duration Time(const std::function<void()>& work) {
  const double cpu = CpuSeconds();
  const absl::Time start = absl::Now();
  work();
  return {.wall = absl::ToDoubleSeconds(absl::Now() - start), .cpu = CpuSeconds() - cpu};
}

// One cell of the table: a system under a policy on a number of threads.
struct Cell {
  std::string system;
  std::string policy;
  int threads = 1;
  int64_t episodes = 0;
  int64_t steps = 0;
  std::vector<Duration> collected, raw;  // a round each
};

// MuJoCo alone: the episodes' controls from their first states.
void Replay(const mjModel& model, int frame_skip, const std::vector<Episode>& episodes,
            int threads) {
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    const MujocoData data(mj_makeData(&model));
    for (size_t i = next++; i < episodes.size(); i = next++) {
      const Episode& episode = episodes[i];
      mj_resetData(&model, data.get());
      std::copy_n(episode.states.begin(), model.nq, data->qpos);
      std::copy_n(episode.states.begin() + model.nq, model.nv, data->qvel);
      mj_forward(&model, data.get());
      for (int64_t step = 0; step < episode.num_steps(); ++step) {
        std::copy_n(episode.actions.begin() + step * model.nu, model.nu, data->ctrl);
        for (int frame = 0; frame < frame_skip; ++frame) mj_step(&model, data.get());
      }
    }
  };
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
}

absl::Status CollectToDisk(const System& system, const PolicyPlan& plan,
                           const CollectionOptions& options, const std::string& path) {
  absl::StatusOr<std::unique_ptr<DatasetWriter>> writer =
      DatasetWriter::Create(path, DescribeDataset(system.info()), {.overwrite = true});
  if (!writer.ok()) return writer.status();
  const auto summary = CollectEpisodes(
      system, plan, options, [&](const Episode& episode) { return (*writer)->Append(episode); });
  if (!summary.ok()) return summary.status();
  return (*writer)->Close();
}

// As many of the plan's episodes as hold about `steps` steps.
absl::StatusOr<std::vector<Episode>> EpisodesOf(const System& system, const PolicyPlan& plan,
                                                int64_t steps) {
  std::vector<Episode> episodes;
  std::atomic<bool> stop = false;
  int64_t collected = 0;
  const auto summary = CollectEpisodes(system, plan, {.episodes = steps, .stop = &stop},
                                       [&](const Episode& episode) {
                                         episodes.push_back(episode);
                                         collected += episode.num_steps();
                                         if (collected >= steps) stop = true;
                                         return absl::OkStatus();
                                       });
  if (!summary.ok()) return summary.status();
  return episodes;
}

absl::Status Measure(const Arguments& arguments, const MujocoTask& task, const PolicyPlan& plan,
                     std::vector<Cell>* cells) {
  const absl::StatusOr<std::unique_ptr<System>> system = MakeSystem(task.info().name);
  if (!system.ok()) return system.status();
  const absl::StatusOr<MujocoModel> model =
      LoadMujocoModel(absl::StrCat(ROLLOUT_MJCF_DIR, "/", task.info().mjcf_file));
  if (!model.ok()) return model.status();
  const absl::StatusOr<std::vector<Episode>> episodes = EpisodesOf(**system, plan, arguments.steps);
  if (!episodes.ok()) return episodes.status();
  const std::string path = (std::filesystem::path(arguments.folder) / "measured.hdf5").string();
  for (const int threads : arguments.threads) {
    Cell cell{.system = task.info().name,
              .policy = plan.policies[0].name,
              .threads = threads,
              .collected = {},
              .raw = {}};
    cell.episodes = static_cast<int64_t>(episodes->size());
    for (const Episode& episode : *episodes) cell.steps += episode.num_steps();
    absl::Status status;
    for (int round = 0; round < arguments.rounds; ++round) {
      cell.raw.push_back(
          Time([&] { Replay(**model, task.info().frame_skip, *episodes, threads); }));
      cell.collected.push_back(Time([&] {
        status.Update(
            CollectToDisk(**system, plan, {.episodes = cell.episodes, .threads = threads}, path));
      }));
    }
    std::filesystem::remove(path);
    if (!status.ok()) return status;
    cells->push_back(std::move(cell));
  }
  return absl::OkStatus();
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double Best(const std::vector<Duration>& rounds, double Duration::*of) {
  double best = HUGE_VAL;
  for (const Duration& round : rounds) best = std::min(best, round.*of);
  return best;
}

double MedianRatio(const Cell& cell, double Duration::*of) {
  std::vector<double> ratios;
  for (size_t i = 0; i < cell.raw.size(); ++i) {
    ratios.push_back(cell.raw[i].*of / (cell.collected[i].*of));
  }
  return Median(ratios);
}

void Print(const std::vector<Cell>& cells, bool json) {
  Table table({"system", "policy", "threads", "steps/episode", "mj_step loop/s", "collected/s",
               "best %", "median %", "CPU %"});
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Cell& cell : cells) {
    const double steps = static_cast<double>(cell.steps);
    const double raw = steps / Best(cell.raw, &Duration::wall);
    const double collected = steps / Best(cell.collected, &Duration::wall);
    const double median = MedianRatio(cell, &Duration::wall);
    const double cpu = MedianRatio(cell, &Duration::cpu);
    rows.push_back({{"system", cell.system},
                    {"policy", cell.policy},
                    {"threads", cell.threads},
                    {"episodes", cell.episodes},
                    {"steps", cell.steps},
                    {"raw_steps_per_second", raw},
                    {"collected_steps_per_second", collected},
                    {"best_ratio", collected / raw},
                    {"median_ratio", median},
                    {"median_cpu_ratio", cpu}});
    table.AddRow({cell.system, cell.policy, absl::StrCat(cell.threads),
                  absl::StrFormat("%.0f", steps / static_cast<double>(cell.episodes)),
                  absl::StrFormat("%.0f", raw), absl::StrFormat("%.0f", collected),
                  absl::StrFormat("%.0f", 100 * collected / raw),
                  absl::StrFormat("%.0f", 100 * median), absl::StrFormat("%.0f", 100 * cpu)});
  }
  absl::PrintF("%s", json ? rows.dump(2) + "\n" : table.ToString());
}

absl::Status Run(const Arguments& arguments) {
  std::vector<Cell> cells;
  std::shared_ptr<const Actor> actor;
  if (!arguments.actor.empty()) {
    absl::StatusOr<std::shared_ptr<const Actor>> loaded = LoadActor(arguments.actor);
    if (!loaded.ok()) return loaded.status();
    actor = *std::move(loaded);
  }
  for (const std::unique_ptr<MujocoTask>& task : MakePlanarTasks()) {
    const std::string& name = task->info().name;
    if (std::count(arguments.systems.begin(), arguments.systems.end(), name) == 0) continue;
    absl::Status status = Measure(arguments, *task, SinglePolicy(RandomPolicyNamed()), &cells);
    if (status.ok() && actor != nullptr && actor->system == name) {
      absl::StatusOr<std::unique_ptr<System>> system = MakeSystem(name);
      if (!system.ok()) return system.status();
      absl::StatusOr<NamedPolicy> policy =
          ActorPolicyNamed("actor", actor, (*system)->info(), true);
      if (!policy.ok()) return policy.status();
      status = Measure(arguments, *task, SinglePolicy(*std::move(policy)), &cells);
    }
    if (!status.ok()) return status;
  }
  Print(cells, arguments.json);
  return absl::OkStatus();
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) {
  rollout::Arguments arguments;
  arguments.folder = std::filesystem::temp_directory_path().string();
  CLI::App app("Collection of episodes beside a loop of mj_step that replays the same ones.",
               "collection-bench");
  app.add_option("--system", arguments.systems, "Planar tasks")->capture_default_str();
  app.add_option("--actor", arguments.actor, "Actor file, measured beside the random policy");
  app.add_option("--threads", arguments.threads)->capture_default_str();
  app.add_option("--rounds", arguments.rounds)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--steps", arguments.steps, "Of each measurement, about")
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--folder", arguments.folder, "For the datasets")->capture_default_str();
  app.add_flag("--json", arguments.json);
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  const absl::Status status = rollout::Run(arguments);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "collection-bench: %s\n", std::string(status.message()));
  return 1;
}
