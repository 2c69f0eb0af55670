// serving-bench: what the engine alone gets out of many requests, with and without replacing lanes
// that are done: the bounds of what rolloutctl bench reaches through gRPC.
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "base/table.h"
#include "models/checkpoint/checkpoint.h"
#include "models/engines/fused/fused_engine.h"

namespace rollout::bench {
namespace {

constexpr int kLanes = 8;       // of a request
constexpr int kRequests = 320;  // computed in one run
constexpr int kSlots = 32;      // lanes that one thread computes side by side

struct Requests {
  std::vector<float> state, controls, final_states;
  std::vector<RolloutJob> jobs;
  int64_t transitions = 0;
};

// Every tenth request has `long_horizon`, the others `short_horizon`.
Requests MakeRequests(const TransitionModelSpec& spec, int short_horizon, int long_horizon) {
  Requests requests;
  requests.state.assign(spec.state_size(), 0.1f);
  requests.controls.assign(size_t(kLanes) * long_horizon * spec.num_controls, 0.1f);
  requests.final_states.resize(size_t(kRequests) * kLanes * spec.state_size());
  for (int i = 0; i < kRequests; ++i) {
    RolloutJob& job = requests.jobs.emplace_back();
    job.lanes = kLanes;
    job.horizon = i % 10 == 9 ? long_horizon : short_horizon;
    job.initial_states = requests.state;
    job.controls = absl::MakeConstSpan(requests.controls)
                       .first(size_t(kLanes) * job.horizon * spec.num_controls);
    job.final_state =
        absl::MakeSpan(requests.final_states)
            .subspan(size_t(i) * kLanes * spec.state_size(), size_t(kLanes) * spec.state_size());
    requests.transitions += job.lanes * job.horizon;
  }
  return requests;
}

// Seconds of the best of some runs that compute all requests, `at_a_time` in each call.
absl::StatusOr<double> BestSeconds(Engine& engine, const Requests& requests, size_t at_a_time,
                                   int runs) {
  double best = 1e30;
  for (int run = 0; run < runs; ++run) {
    const absl::Time start = absl::Now();
    const absl::Span<const RolloutJob> jobs = requests.jobs;
    for (size_t first = 0; first < jobs.size(); first += at_a_time) {
      const absl::Status status = engine.Rollout(jobs.subspan(first, at_a_time));
      if (!status.ok()) return status;
    }
    best = std::min(best, absl::ToDoubleSeconds(absl::Now() - start));
  }
  return best;
}

absl::Status Run(const std::string& repository, const std::string& model, int version, int threads,
                 int runs) {
  const auto checkpoint = ReadCheckpoint(repository, model, version);
  if (!checkpoint.ok()) return checkpoint.status();
  const TransitionModelSpec& spec = checkpoint->model->spec;
  const auto engine =
      FusedCpuEngineModule().create(*checkpoint->model, {.device = "cpu", .threads = threads});
  if (!engine.ok()) return engine.status();
  const size_t batch = static_cast<size_t>(kSlots / kLanes * threads);
  Table table({"requests of 8 lanes", "calls of the engine", "transitions/s"});
  double rates[3] = {};
  const Requests equal = MakeRequests(spec, 200, 200);
  const Requests mixed = MakeRequests(spec, 20, 200);
  const struct {
    const char* what;
    const char* how;
    const Requests* requests;
    size_t at_a_time;
  } rows[] = {
      {"T = 200", "one, lanes replaced", &equal, equal.jobs.size()},
      {"90% T = 20, 10% T = 200", "one, lanes replaced", &mixed, mixed.jobs.size()},
      {"90% T = 20, 10% T = 200", "full batches, each to its end", &mixed, batch},
  };
  for (int i = 0; i < 3; ++i) {
    const auto seconds = BestSeconds(**engine, *rows[i].requests, rows[i].at_a_time, runs);
    if (!seconds.ok()) return seconds.status();
    rates[i] = static_cast<double>(rows[i].requests->transitions) / *seconds;
    table.AddRow({rows[i].what, rows[i].how, absl::StrFormat("%.0f", rates[i])});
  }
  std::printf("%s version %d, %d threads, best of %d runs\n%s", model.c_str(), version, threads,
              runs, table.ToString().c_str());
  std::printf("replacing lanes gains %.2fx on mixed horizons\n", rates[1] / rates[2]);
  return absl::OkStatus();
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  CLI::App app("what an engine gets out of many requests, without a server around it");
  std::string repository, model;
  int version = 1;
  int threads = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  int runs = 3;
  app.add_option("repository", repository, "folder that holds <model>/<version>/")->required();
  app.add_option("model", model)->required();
  app.add_option("--version", version)->capture_default_str();
  app.add_option("--threads", threads)->capture_default_str();
  app.add_option("--runs", runs)->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = rollout::bench::Run(repository, model, version, threads, runs);
  if (!status.ok()) std::fprintf(stderr, "serving-bench: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
