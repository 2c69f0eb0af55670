// What a trial found, check by check.
#ifndef ROLLOUT_TESTS_TRIALS_JUDGEMENTS_H_
#define ROLLOUT_TESTS_TRIALS_JUDGEMENTS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace rollout {

// Prints a line for each check when it is made, and keeps them for a file. One thread.
class Judgements {
 public:
  // `judges_times` false: durations, and ratios of them, are told and not judged, for a machine
  // that does other things meanwhile.
  Judgements(std::string trial, bool judges_times)
      : trial_(std::move(trial)), judges_times_(judges_times) {}

  // What follows belongs to this part of the trial.
  void Begin(const std::string& part) { part_ = part; }

  void AtMost(const std::string& what, double measured, double bound, const std::string& unit = "");
  void AtLeast(const std::string& what, double measured, double bound,
               const std::string& unit = "");
  void TimeAtMost(const std::string& what, double measured, double bound, const std::string& unit);
  // `detail` says what was found.
  void Holds(const std::string& what, bool holds, const std::string& detail = "");
  // This part was not tried. Passes only where that was asked for.
  void LeftOut(const std::string& why, bool asked_for);
  // A figure that is judged by nobody.
  void Tell(const std::string& what, double measured, const std::string& unit = "");

  bool passed() const { return failed_ == 0; }
  // {"trial": ..., "passed": ..., "checks": [{"part", "what", "measured", "bound", "verdict"}]}
  nlohmann::json ToJson() const;

 private:
  void Add(const std::string& verdict, const std::string& what, const nlohmann::json& measured,
           const nlohmann::json& bound, const std::string& text);

  const std::string trial_;
  const bool judges_times_;
  std::string part_;
  int failed_ = 0;
  nlohmann::json checks_ = nlohmann::json::array();
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_JUDGEMENTS_H_
