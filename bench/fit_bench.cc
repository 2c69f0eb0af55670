// Seconds of one optimiser step of a fit on one core, beside what bounds it: the products of its
// networks' matrices alone, and the processor's peak, measured in turns in one run.
#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ctime>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "base/random.h"
#include "base/table.h"
#include "bench/fma_peak.h"
#include "nlohmann/json.hpp"
#include "trainer/arithmetic/matrix_product.h"
#include "trainer/fitting/fitter.h"

namespace rollout::bench {
namespace {

struct BenchOptions {
  std::string setting = "hopper";
  int rounds = 5;
  int steps = 10;  // optimiser steps of each measurement in each round
  int64_t batch = 200;
  int ensemble_size = 1;
  bool json = false;
};

// One model of a setting.
struct BenchModel {
  const char* name;
  DynamicsKind kind;
  bool has_force;
};

// What is fitted: a system's sizes, windows, networks and models.
struct Setting {
  std::string title;
  DatasetInfo info;
  FitOptions options;  // but for the dynamics' kind
  std::vector<BenchModel> models;
};

// Gruver et al. (2022), figure 7, on Hopper's sizes.
Setting Hopper() {
  Setting setting;
  setting.title = "Hopper's sizes: windows of 3 states, 8 substeps, 2 x 128 tanh";
  setting.info.num_positions = 6;
  setting.info.num_controls = 3;
  setting.info.dt = 0.008;
  setting.info.ignored_positions = {0};
  setting.models = {{"NODE", DynamicsKind::kNode, false},
                    {"NODE_SO", DynamicsKind::kNodeSo, false},
                    {"HNN", DynamicsKind::kHnn, true}};
  return setting;
}

// The same authors' chains (angles) and springs (three coordinates a bob).
Setting Toy(int positions, bool angular) {
  Setting setting;
  setting.title =
      absl::StrFormat("%d %s: windows of 5 states, the 3/8 rule in one step a sample, 2 x 256 tanh",
                      positions, angular ? "angles" : "Cartesian coordinates");
  setting.info.num_positions = positions;
  setting.info.dt = 0.03;
  for (int i = 0; angular && i < positions; ++i) setting.info.angular_positions.push_back(i);
  setting.options.dynamics.hidden_sizes = {256, 256};
  setting.options.integrator = {.method = IntegratorMethod::kRk4ThreeEighths, .substeps = 1};
  setting.options.window_states = 5;
  setting.options.decoupled_weight_decay = true;
  setting.models = {{"NODE", DynamicsKind::kNode, false},
                    {"NODE+SO", DynamicsKind::kMechanics, false},
                    {"HNN", DynamicsKind::kHnn, false},
                    {"HNN without SO", DynamicsKind::kHnnNonseparable, false},
                    {"SymODEN", DynamicsKind::kHnn, true}};
  return setting;
}

Setting MakeSetting(const std::string& name) {
  Setting setting;
  if (name == "hopper") setting = Hopper();
  if (name == "chain-2") setting = Toy(2, true);
  if (name == "spring-2") setting = Toy(6, false);
  if (name == "spring-4") setting = Toy(12, false);
  setting.info.id = absl::StrCat("bench/", name, "-v0");
  setting.info.num_velocities = setting.info.num_positions;
  return setting;
}

std::vector<ObservedEpisode> Wander(const DatasetInfo& info, int episodes, int64_t steps) {
  Random random(1);
  std::vector<ObservedEpisode> result;
  for (int e = 0; e < episodes; ++e) {
    ObservedEpisode episode;
    episode.num_steps = steps;
    std::vector<double> state(2 * info.num_positions, 0.0);
    for (int64_t t = 0; t <= steps; ++t) {
      episode.states.insert(episode.states.end(), state.begin(), state.end());
      for (double& value : state) value += 0.05 * random.Normal();
    }
    for (int64_t i = 0; i < steps * info.num_controls; ++i) {
      episode.controls.push_back(random.Uniform(-1, 1));
    }
    result.push_back(std::move(episode));
  }
  return result;
}

// One network of a model, and how often an optimiser step passes through it.
struct Network {
  std::vector<int> sizes;
  int passes = 3;  // forward, and backward to inputs and to weights
};

std::vector<Network> ListNetworks(const TransitionModelSpec& spec) {
  const int n = spec.num_positions, features = spec.num_features();
  const auto sizes = [&](int inputs, int outputs) {
    std::vector<int> list = {inputs};
    for (const int hidden : spec.dynamics.hidden_sizes) list.push_back(hidden);
    list.push_back(outputs);
    return list;
  };
  const int seen = features + n + spec.num_controls;
  const DynamicsSpec& dynamics = spec.dynamics;
  std::vector<Network> networks;
  if (dynamics.kind == DynamicsKind::kNode) networks.push_back({sizes(seen, 2 * n)});
  if (dynamics.kind == DynamicsKind::kNodeSo || dynamics.kind == DynamicsKind::kMechanics) {
    networks.push_back({sizes(seen, n)});
  }
  // Potential and the HNN's mass also give their input's gradient: twice the products on the way
  // there, and each of those has its own two on the way back.
  if (dynamics.kind == DynamicsKind::kHnn) networks.push_back({sizes(features, 1), 6});
  if (dynamics.kind == DynamicsKind::kHnnNonseparable) {
    networks.push_back({sizes(features + n, 1), 6});
  }
  if (dynamics.mass == MassKind::kLearned) {
    const int passes = dynamics.kind == DynamicsKind::kHnn ? 6 : 3;
    networks.push_back({sizes(features, n * (n + 1) / 2), passes});
  }
  if (dynamics.has_force) networks.push_back({sizes(seen, n)});
  return networks;
}

struct Line {
  std::string name;
  std::function<void()> step = nullptr;
  double gigaflop = 0.0;
  double best = std::numeric_limits<double>::infinity();  // CPU seconds of one step
  std::vector<double> all = {};
};

double Median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
  return values[values.size() / 2];
}

// The products of one optimiser step: forward and to inputs at every substep, to weights once over
// all of them.
std::function<void()> Products(const TransitionModelSpec& spec, const FitOptions& options,
                               double* gigaflop) {
  const int64_t batch = options.batch;
  const int stages = spec.integrator.method == IntegratorMethod::kRk4ThreeEighths ? 4 : 1;
  const int evaluations =
      (options.window_states - 1) * spec.integrator.substeps * stages * spec.ensemble_size;
  std::vector<Network> networks = ListNetworks(spec);
  int64_t largest = 1;
  *gigaflop = 0.0;
  for (const Network& network : networks) {
    for (size_t i = 0; i + 1 < network.sizes.size(); ++i) {
      largest = std::max({largest, batch * evaluations * network.sizes[i],
                          batch * evaluations * network.sizes[i + 1]});
      *gigaflop += 2e-9 * static_cast<double>(batch) * network.sizes[i] * network.sizes[i + 1] *
                   evaluations * network.passes;
    }
  }
  return
      [networks, evaluations, rows = static_cast<int>(batch), a = std::vector<float>(largest, 0.5f),
       b = std::vector<float>(largest, 0.25f), c = std::vector<float>(largest),
       multiplier = std::make_shared<MatrixMultiplier>()]() mutable {
        for (const Network& network : networks) {
          for (size_t i = 0; i + 1 < network.sizes.size(); ++i) {
            const int in = network.sizes[i], out = network.sizes[i + 1];
            for (int pass = 0; pass < network.passes; pass += 3) {
              for (int k = 0; k < evaluations; ++k) {
                multiplier->Multiply(rows, out, in, {a.data(), in}, {b.data(), in, true}, c.data(),
                                     out);
                multiplier->Multiply(rows, in, out, {a.data(), out}, {b.data(), in}, c.data(), in);
              }
              multiplier->Multiply(out, in, rows * evaluations, {a.data(), out, true},
                                   {b.data(), in}, c.data(), in);
            }
          }
        }
      };
}

void Measure(Line& line, int steps) {
  const std::clock_t start = std::clock();
  for (int i = 0; i < steps; ++i) line.step();
  const double seconds =
      static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC / static_cast<double>(steps);
  line.best = std::min(line.best, seconds);
  line.all.push_back(seconds);
}

absl::Status Run(const BenchOptions& bench) {
  at::set_num_threads(1);
  const Setting setting = MakeSetting(bench.setting);
  const DatasetInfo& info = setting.info;
  const std::vector<ObservedEpisode> episodes = Wander(info, 20, 500);
  const auto statistics = MeasureData(episodes, info);
  if (!statistics.ok()) return statistics.status();
  std::vector<std::unique_ptr<Fitter>> fitters;
  std::vector<Line> lines;
  absl::Status failure;
  for (const BenchModel& model : setting.models) {
    FitOptions options = setting.options;
    options.name = "bench";
    const bool node = model.kind == DynamicsKind::kNode || model.kind == DynamicsKind::kNodeSo;
    options.dynamics.kind = model.kind;
    options.dynamics.has_force = model.has_force;
    options.dynamics.mass = node ? MassKind::kNone : MassKind::kLearned;
    if (bench.setting == "hopper") options.integrator.method = DefaultIntegrator(model.kind);
    options.batch = bench.batch;
    options.ensemble_size = bench.ensemble_size;
    options.steps = 1000000;
    const auto spec = MakeFitSpec(info, *statistics, options);
    if (!spec.ok()) return spec.status();
    auto set = MakeTrainingSet(episodes, info, options.window_states);
    if (!set.ok()) return set.status();
    auto fitter = Fitter::Create(*std::move(set), *statistics, *spec, options, nullptr);
    if (!fitter.ok()) return fitter.status();
    fitters.push_back(*std::move(fitter));
    Line step{model.name, [&failure, f = fitters.back().get()] { failure.Update(f->Step()); }};
    Line products{absl::StrFormat("%s, matrix products alone", model.name)};
    products.step = Products(*spec, options, &products.gigaflop);
    step.gigaflop = products.gigaflop;
    lines.push_back(std::move(step));
    lines.push_back(std::move(products));
  }
  double peak = 0.0;
  for (int round = 0; round < bench.rounds; ++round) {
    for (Line& line : lines) {
      peak = std::max(peak, MeasureFmaPeak());
      Measure(line, bench.steps);
    }
  }
  if (!failure.ok()) return failure;

  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  Table table({"one optimiser step", "best ms", "median ms", "GFLOP", "GFLOP/s", "% of FMA peak"});
  for (const Line& line : lines) {
    const double gflops = line.gigaflop / line.best;
    rows.push_back({{"kind", line.name},
                    {"engine", "fit"},
                    {"device", "cpu"},
                    {"batch", bench.batch},
                    {"threads", 1},
                    {"ms", 1e3 * line.best},
                    {"median_ms", 1e3 * Median(line.all)},
                    {"gflops", gflops},
                    {"peak_gflops", peak},
                    {"percent_of_peak", 100.0 * gflops / peak}});
    table.AddRow({line.name, absl::StrFormat("%.2f", 1e3 * line.best),
                  absl::StrFormat("%.2f", 1e3 * Median(line.all)),
                  absl::StrFormat("%.3f", line.gigaflop), absl::StrFormat("%.1f", gflops),
                  absl::StrFormat("%.0f", 100.0 * gflops / peak)});
  }
  if (bench.json) {
    absl::PrintF("%s\n", rows.dump(1));
  } else {
    absl::PrintF("A fit of %s; batch %d, %d member(s), one thread, CPU time; peak %.0f GFLOP/s\n%s",
                 setting.title, bench.batch, bench.ensemble_size, peak, table.ToString());
  }
  return absl::OkStatus();
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  CLI::App app("Time of one optimiser step of a fit on one core, beside its lower bounds.",
               "fit_bench");
  rollout::bench::BenchOptions options;
  app.add_option("--setting", options.setting, "What is fitted")
      ->check(CLI::IsMember({"hopper", "chain-2", "spring-2", "spring-4"}))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--steps", options.steps, "Of each measurement in each round")
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--batch", options.batch)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--ensemble", options.ensemble_size)
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  app.add_flag("--json", options.json);
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  const absl::Status status = rollout::bench::Run(options);
  if (status.ok()) return 0;
  absl::FPrintF(stderr, "fit_bench: %s\n", std::string(status.message()));
  return 1;
}
