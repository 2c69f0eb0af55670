// Updates per second of the SAC learner on one core, beside what bounds them: its matrix products
// alone (ours and LibTorch's) and the processor's peak, measured in turns in one run.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "ATen/Parallel.h"
#include "ATen/core/Tensor.h"
#include "ATen/ops/empty.h"
#include "ATen/ops/mm.h"
#include "ATen/ops/ones.h"
#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "base/random.h"
#include "base/table.h"
#include "bench/fma_peak.h"
#include "nlohmann/json.hpp"
#include "trainer/arithmetic/matrix_product.h"
#include "trainer/sac/replay_buffer.h"
#include "trainer/sac/sac_learner.h"

namespace rollout::bench {
namespace {

struct BenchOptions {
  int observation_size = 11;  // Hopper's
  int num_controls = 3;
  int rounds = 8;
  double seconds = 1.0;  // of each measurement in each round
  bool json = false;
};

// c [rows, columns] = a [rows, inner] b [inner, columns], `times` times an update.
struct Product {
  int rows;
  int columns;
  int inner;
  bool transpose_a;
  bool transpose_b;
  int times;
};

// The products of one update: what sac_gradients.cc asks of networks.cc, where nothing can be left
// out. A forward pass multiplies by W^T, the gradient of a weight is D^T H, of an input D W.
std::vector<Product> UpdateProducts(const SacOptions& options, int observation_size,
                                    int num_controls) {
  const int batch = options.batch_size;
  const int hidden = options.hidden_size;
  const int joined = observation_size + num_controls;
  return {
      // Actor: forward on the next and on the present observations, backward once.
      {batch, hidden, observation_size, false, true, 2},
      {batch, hidden, hidden, false, true, 2},
      {batch, 2 * num_controls, hidden, false, true, 2},
      {2 * num_controls, hidden, batch, true, false, 1},
      {batch, hidden, 2 * num_controls, false, false, 1},
      {hidden, hidden, batch, true, false, 1},
      {batch, hidden, hidden, false, false, 1},
      {hidden, observation_size, batch, true, false, 1},
      // Twin critics: forward for the target, the critics' loss and the actor's loss; backward to
      // the parameters for the one and to the actions for the other.
      {batch, 2 * hidden, joined, false, true, 3},
      {batch, hidden, hidden, false, true, 6},
      {batch, 1, hidden, false, true, 6},
      {1, hidden, batch, true, false, 2},
      {batch, hidden, 1, false, false, 4},
      {hidden, hidden, batch, true, false, 2},
      {batch, hidden, hidden, false, false, 4},
      {2 * hidden, joined, batch, true, false, 1},
      {batch, num_controls, 2 * hidden, false, false, 1},
  };
}

double GigaFlop(const std::vector<Product>& products) {
  double flop = 0.0;
  for (const Product& product : products) {
    flop += 2.0 * product.rows * product.columns * product.inner * product.times;
  }
  return flop * 1e-9;
}

// Numbers a second, per second of wall time and per second that this thread really ran (the same on
// an idle core).
struct Rate {
  double wall = 0.0;
  double cpu = 0.0;
};

Rate MeasureRate(double seconds, const std::function<void()>& update) {
  const auto start = std::chrono::steady_clock::now();
  const std::clock_t cpu_start = std::clock();
  double elapsed = 0.0;
  int64_t count = 0;
  while (elapsed < seconds) {
    update();
    ++count;
    elapsed = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  }
  return {count / elapsed,
          count * static_cast<double>(CLOCKS_PER_SEC) / (std::clock() - cpu_start)};
}

// One line of the result: its rates over the rounds.
struct Measured {
  std::string name;
  std::function<void()> update;
  std::vector<Rate> rates;

  double Best(double Rate::*kind) const {
    double best = 0.0;
    for (const Rate& rate : rates) best = std::max(best, rate.*kind);
    return best;
  }
  double Median(double Rate::*kind) const {
    std::vector<double> values;
    for (const Rate& rate : rates) values.push_back(rate.*kind);
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
  }
};

void FillReplay(const BenchOptions& options, ReplayBuffer* replay) {
  Random random(2);
  std::vector<float> observation(options.observation_size), action(options.num_controls);
  for (size_t i = 0; i < replay->capacity(); ++i) {
    for (float& value : observation) value = static_cast<float>(random.Normal());
    for (float& value : action) value = static_cast<float>(random.Uniform(-1.0, 1.0));
    replay->Add(observation, action, static_cast<float>(random.Normal()), i % 100 == 0,
                observation);
  }
}

// Every product of `products` once for each of its times, in operands of its own.
std::function<void()> OurProducts(const std::vector<Product>& products) {
  int largest = 0;
  for (const Product& p : products) {
    largest = std::max({largest, p.rows * p.inner, p.inner * p.columns, p.rows * p.columns});
  }
  return [products, a = std::vector<float>(largest, 0.5f), b = std::vector<float>(largest, 0.25f),
          c = std::vector<float>(largest),
          multiplier = std::make_shared<MatrixMultiplier>()]() mutable {
    for (const Product& p : products) {
      for (int i = 0; i < p.times; ++i) {
        multiplier->Multiply(
            p.rows, p.columns, p.inner, {a.data(), p.transpose_a ? p.rows : p.inner, p.transpose_a},
            {b.data(), p.transpose_b ? p.inner : p.columns, p.transpose_b}, c.data(), p.columns);
      }
    }
  };
}

std::function<void()> LibTorchProducts(const std::vector<Product>& products) {
  struct Operands {
    at::Tensor a, b, c;
    int times;
  };
  std::vector<Operands> operands;
  for (const Product& p : products) {
    operands.push_back(
        {p.transpose_a ? at::ones({p.inner, p.rows}).t() : at::ones({p.rows, p.inner}),
         p.transpose_b ? at::ones({p.columns, p.inner}).t() : at::ones({p.inner, p.columns}),
         at::empty({p.rows, p.columns}), p.times});
  }
  return [operands]() mutable {
    for (Operands& product : operands) {
      for (int i = 0; i < product.times; ++i) at::mm_out(product.c, product.a, product.b);
    }
  };
}

void Print(const BenchOptions& options, const std::vector<Measured>& measured, double gigaflop,
           double peak) {
  nlohmann::json rows = nlohmann::json::array();
  Table table({"", "best/s", "median/s", "best/s of CPU", "GFLOP/s", "% of FMA peak"});
  for (const Measured& line : measured) {
    const double gflops = line.Best(&Rate::cpu) * gigaflop;
    rows.push_back({{"kind", "SAC"},
                    {"engine", line.name},
                    {"device", "cpu"},
                    {"threads", 1},
                    {"updates_per_second", line.Best(&Rate::wall)},
                    {"median_updates_per_second", line.Median(&Rate::wall)},
                    {"updates_per_cpu_second", line.Best(&Rate::cpu)},
                    {"median_updates_per_cpu_second", line.Median(&Rate::cpu)},
                    {"gflops", gflops},
                    {"peak_gflops", peak},
                    {"percent_of_peak", 100.0 * gflops / peak}});
    table.AddRow({line.name, absl::StrFormat("%.1f", line.Best(&Rate::wall)),
                  absl::StrFormat("%.1f", line.Median(&Rate::wall)),
                  absl::StrFormat("%.1f", line.Best(&Rate::cpu)), absl::StrFormat("%.1f", gflops),
                  absl::StrFormat("%.0f", 100.0 * gflops / peak)});
  }
  if (options.json) {
    std::fputs((rows.dump(1) + "\n").c_str(), stdout);
  } else {
    absl::PrintF(
        "SAC with %d observations and %d controls: %.3f GFLOP an update, peak %.0f "
        "GFLOP/s\n%s",
        options.observation_size, options.num_controls, gigaflop, peak, table.ToString());
  }
}

int Run(const BenchOptions& options) {
  at::set_num_threads(1);
  const SacOptions sac;
  const std::vector<Product> products =
      UpdateProducts(sac, options.observation_size, options.num_controls);

  SacLearner learner(sac, options.observation_size, options.num_controls, /*seed=*/1);
  ReplayBuffer replay(200000, options.observation_size, options.num_controls);
  FillReplay(options, &replay);
  TransitionBatch batch;
  batch.Resize(sac.batch_size, options.observation_size, options.num_controls);
  Random random(3);
  absl::Status failure;
  std::vector<Measured> measured = {{"update",
                                     [&] {
                                       replay.Sample(random, &batch);
                                       failure.Update(learner.Update(batch).status());
                                     },
                                     {}},
                                    {"its matrix products alone", OurProducts(products), {}},
                                    {"the same by LibTorch", LibTorchProducts(products), {}}};
  double peak = 0.0;
  for (int round = 0; round < options.rounds; ++round) {
    for (Measured& line : measured) {
      peak = std::max(peak, MeasureFmaPeak());
      line.rates.push_back(MeasureRate(options.seconds, line.update));
    }
  }
  if (!failure.ok()) {
    absl::FPrintF(stderr, "sac_bench: %s\n", std::string(failure.message()));
    return 1;
  }
  Print(options, measured, GigaFlop(products), peak);
  return 0;
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  CLI::App app("Updates per second of the SAC learner on one core, beside its lower bounds.",
               "sac_bench");
  rollout::bench::BenchOptions options;
  app.add_option("--observation-size", options.observation_size)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--controls", options.num_controls)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--rounds", options.rounds)
      ->check(rollout::WholeNumberOfAtLeast(1))
      ->capture_default_str();
  app.add_option("--seconds", options.seconds, "Of each measurement in each round")
      ->check(rollout::NumberAbove(0))
      ->capture_default_str();
  app.add_flag("--json", options.json);
  if (const auto done = rollout::ParseCommandLine(app, argc, argv)) return *done;
  return rollout::bench::Run(options);
}
