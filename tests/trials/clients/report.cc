#include "tests/trials/clients/report.h"

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"
#include "tests/trials/clients/until_told.h"
#include "tests/trials/trial_model.h"

namespace rollout {
namespace {

constexpr int kEpisode = 200;
constexpr int kChunk = 20;

// What the world does: the weights of seed 1.
struct Episode {
  std::vector<double> states;    // [kEpisode + 1, 2n]
  std::vector<double> controls;  // [kEpisode, nu]
};

absl::StatusOr<Episode> MakeEpisode(const TransitionModelSpec& spec, Engine* engine,
                                    uint64_t seed) {
  const std::vector<float> start = RandomStates(spec, 1, seed);
  const std::vector<float> controls = RandomControls(spec, 1, kEpisode, seed);
  std::vector<float> states((kEpisode + 1) * spec.state_size());
  RolloutJob job;
  job.lanes = 1;
  job.horizon = kEpisode;
  job.initial_states = start;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(states);
  if (absl::Status computed = engine->Rollout({&job, 1}); !computed.ok()) return computed;
  return Episode{{states.begin(), states.end()}, {controls.begin(), controls.end()}};
}

TransitionReport Chunk(const TransitionModelSpec& spec, const Episode& episode, int first) {
  TransitionReport report;
  report.model = spec.name;
  report.client = "trial";
  report.first_step = first;
  report.num_transitions = kChunk;
  report.states = absl::MakeConstSpan(episode.states)
                      .subspan(first * spec.state_size(), (kChunk + 1) * spec.state_size());
  report.controls = absl::MakeConstSpan(episode.controls)
                        .subspan(first * spec.num_controls, kChunk * spec.num_controls);
  report.truncated = first + kChunk == kEpisode;
  return report;
}

}  // namespace

absl::Status Report(const ReportOptions& options) {
  ToldToEnd();
  const auto spec = TrialSpec(options.model);
  if (!spec.ok()) return spec.status();
  const TransitionModel world = RandomModel(*spec, 1);
  const auto engine = FusedCpuEngineModule().create(world, {.device = "cpu", .threads = 1});
  if (!engine.ok()) return engine.status();
  ClientOptions client_options;
  client_options.deadline = absl::Minutes(10);  // a machine that stands still is no error
  const auto client = Client::Connect(options.server, client_options);
  if (!client.ok()) return client.status();
  const absl::Time end = absl::Now() + options.duration;
  int64_t taken = 0;
  for (uint64_t seed = 1; !ToldToEnd() && absl::Now() < end; ++seed) {
    const auto episode = MakeEpisode(*spec, engine->get(), seed);
    if (!episode.ok()) return episode.status();
    const std::string name = absl::StrCat(seed);
    for (int first = 0; first < kEpisode && !ToldToEnd() && absl::Now() < end; first += kChunk) {
      TransitionReport report = Chunk(*spec, *episode, first);
      report.episode = name;
      const auto reply = (*client)->ReportTransitions(report);
      if (!reply.ok() && !absl::IsUnavailable(reply.status())) return reply.status();
      taken += reply.ok() ? 1 : 0;
      absl::SleepFor(absl::Seconds(1.0 / options.rate));
    }
  }
  std::printf("%lld reports taken\n", static_cast<long long>(taken));
  return absl::OkStatus();
}

}  // namespace rollout
