#include "bench/serving/side.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/rolloutctl/latencies.h"

namespace rollout::bench {
namespace {

// What is known of one side while it is measured.
struct Sum {
  Latencies latencies;
  absl::Duration elapsed;
  absl::Duration cpu;
  double transitions = 0;
};

double MedianSeconds(const std::vector<absl::Duration>& values) {
  Latencies latencies;
  latencies.Add(values);
  return absl::ToDoubleSeconds(latencies.Percentile(0.5));
}

void AddStretch(const Side& side, absl::Duration stretch, Sum* sum, Measured* measured) {
  const absl::Duration cpu_before = side.cpu_time ? side.cpu_time() : absl::ZeroDuration();
  const CallLoad::Stretch result = side.run(stretch);
  if (side.cpu_time) sum->cpu += side.cpu_time() - cpu_before;
  sum->elapsed += result.elapsed;
  sum->latencies.Add(result.latencies);
  if (!side.transitions.empty()) {
    double transitions = 0;
    for (size_t i = 0; i < side.transitions.size(); ++i) {
      transitions += static_cast<double>(result.answered[i] * side.transitions[i]);
    }
    sum->transitions += transitions;
    measured->round_transitions.push_back(transitions / absl::ToDoubleSeconds(result.elapsed));
  }
  measured->failed += result.failed;
  measured->round_p50.push_back(MedianSeconds(result.latencies));
  measured->round_rate.push_back(static_cast<double>(result.latencies.size()) /
                                 absl::ToDoubleSeconds(result.elapsed));
}

// The two sides of a round were measured one right after the other: the median of the rounds'
// ratios is not moved by a round that something else disturbed.
Ratio MakeRatio(const std::string& line, const std::string& what, const std::vector<double>& over,
                const std::vector<double>& under) {
  std::vector<double> ratios;
  for (size_t i = 0; i < over.size() && i < under.size(); ++i) ratios.push_back(over[i] / under[i]);
  std::sort(ratios.begin(), ratios.end());
  Ratio ratio{.line = line, .what = what};
  if (ratios.empty()) return ratio;
  const size_t middle = ratios.size() / 2;
  ratio.value = ratios.size() % 2 == 1 ? ratios[middle] : (ratios[middle - 1] + ratios[middle]) / 2;
  ratio.lowest = ratios.front();
  ratio.highest = ratios.back();
  return ratio;
}

}  // namespace

nlohmann::json Measured::Json() const {
  nlohmann::json json = {{"side", name},
                         {"calls", calls},
                         {"failed", failed},
                         {"p50_seconds", p50_seconds},
                         {"p99_seconds", p99_seconds},
                         {"calls_per_second", calls_per_second}};
  if (transitions_per_second > 0) json["transitions_per_second"] = transitions_per_second;
  if (cpu_seconds_per_call > 0) json["cpu_seconds_per_call"] = cpu_seconds_per_call;
  return json;
}

std::vector<Measured> MeasureInTurn(const std::vector<Side>& sides, int rounds,
                                    absl::Duration stretch) {
  std::vector<Sum> sums(sides.size());
  std::vector<Measured> all(sides.size());
  for (size_t i = 0; i < sides.size(); ++i) {
    all[i].name = sides[i].name;
    sides[i].run(stretch / 2);
  }
  for (int round = 0; round < rounds; ++round) {
    for (size_t i = 0; i < sides.size(); ++i) AddStretch(sides[i], stretch, &sums[i], &all[i]);
  }
  for (size_t i = 0; i < sides.size(); ++i) {
    Measured& measured = all[i];
    const double seconds = absl::ToDoubleSeconds(sums[i].elapsed);
    measured.calls = static_cast<int64_t>(sums[i].latencies.count());
    measured.p50_seconds = absl::ToDoubleSeconds(sums[i].latencies.Percentile(0.5));
    measured.p99_seconds = absl::ToDoubleSeconds(sums[i].latencies.Percentile(0.99));
    measured.calls_per_second = static_cast<double>(measured.calls) / seconds;
    measured.transitions_per_second = sums[i].transitions / seconds;
    if (measured.calls > 0) {
      measured.cpu_seconds_per_call =
          absl::ToDoubleSeconds(sums[i].cpu) / static_cast<double>(measured.calls);
    }
  }
  return all;
}

nlohmann::json Ratio::Json() const {
  nlohmann::json json = {
      {"line", line}, {"what", what}, {"value", value}, {"lowest", lowest}, {"highest", highest}};
  if (goal != 0) {
    json[at_most ? "goal_at_most" : "goal_at_least"] = goal;
    json["met"] = met();
  }
  return json;
}

Ratio RatioOfP50(const std::string& line, const Measured& numerator, const Measured& denominator,
                 double goal_at_most) {
  Ratio ratio = MakeRatio(line, absl::StrCat("p50 of ", numerator.name, " / ", denominator.name),
                          numerator.round_p50, denominator.round_p50);
  ratio.goal = goal_at_most;
  return ratio;
}

Ratio RatioOfRate(const std::string& line, const Measured& numerator, const Measured& denominator,
                  double goal_at_least) {
  const bool same_calls = numerator.round_transitions.empty();
  Ratio ratio = MakeRatio(line,
                          absl::StrCat(same_calls ? "calls/s of " : "transitions/s of ",
                                       numerator.name, " / ", denominator.name),
                          same_calls ? numerator.round_rate : numerator.round_transitions,
                          same_calls ? denominator.round_rate : denominator.round_transitions);
  ratio.goal = goal_at_least;
  ratio.at_most = false;
  return ratio;
}

}  // namespace rollout::bench
