// What is compared, and what measuring it came to.
#ifndef ROLLOUT_BENCH_SERVING_SIDE_H_
#define ROLLOUT_BENCH_SERVING_SIDE_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "bench/serving/call_load.h"
#include "nlohmann/json.hpp"

namespace rollout::bench {

// One server, or an engine without a server, under the same load as the others.
struct Side {
  std::string name;
  std::function<CallLoad::Stretch(absl::Duration)> run;
  std::vector<int64_t> transitions;          // of each request, all lanes; empty = not counted
  std::function<absl::Duration()> cpu_time;  // of the server; may be empty
};

// Several stretches of one side.
struct Measured {
  std::string name;
  double p50_seconds = 0;  // over all calls of all rounds
  double p99_seconds = 0;
  double calls_per_second = 0;
  double transitions_per_second = 0;
  double cpu_seconds_per_call = 0;  // of the server; 0 = not known
  int64_t calls = 0;
  int64_t failed = 0;
  std::vector<double> round_p50;          // seconds
  std::vector<double> round_rate;         // calls per second
  std::vector<double> round_transitions;  // per second; empty = not counted

  nlohmann::json Json() const;
};

// Measures `sides` in turn, `rounds` times `stretch` each, so that a slow phase of the machine
// touches all of them; one stretch each before that does not count.
std::vector<Measured> MeasureInTurn(const std::vector<Side>& sides, int rounds,
                                    absl::Duration stretch);

// One figure that may have a goal: the median, the lowest and the highest of the rounds.
struct Ratio {
  std::string line;  // "overhead"
  std::string what;  // "p50 / echo's p50"
  double value = 0;
  double lowest = 0;
  double highest = 0;
  double goal = 0;  // 0 = none
  bool at_most = true;

  bool met() const { return goal == 0 || (at_most ? value <= goal : value >= goal); }
  nlohmann::json Json() const;
};

// `numerator` over `denominator`, by their p50, or by their rate of transitions or else calls.
Ratio RatioOfP50(const std::string& line, const Measured& numerator, const Measured& denominator,
                 double goal_at_most);
Ratio RatioOfRate(const std::string& line, const Measured& numerator, const Measured& denominator,
                  double goal_at_least);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_SIDE_H_
