#include "tests/trials/judgements.h"

#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rollout {

void Judgements::Add(const std::string& verdict, const std::string& what,
                     const nlohmann::json& measured, const nlohmann::json& bound,
                     const std::string& text) {
  if (verdict == "failed") ++failed_;
  checks_.push_back({{"part", part_},
                     {"what", what},
                     {"measured", measured},
                     {"bound", bound},
                     {"verdict", verdict}});
  const std::string part = part_.empty() ? trial_ : absl::StrCat(trial_, ": ", part_);
  std::printf("%-6s %s: %s%s%s\n", verdict.c_str(), part.c_str(), what.c_str(),
              text.empty() ? "" : ": ", text.c_str());
  std::fflush(stdout);
}

void Judgements::AtMost(const std::string& what, double measured, double bound,
                        const std::string& unit) {
  // Written so that NaN fails.
  Add(measured <= bound ? "ok" : "failed", what, measured, absl::StrFormat("<= %.6g", bound),
      absl::StrFormat("%.6g%s (at most %.6g)", measured, unit, bound));
}

void Judgements::AtLeast(const std::string& what, double measured, double bound,
                         const std::string& unit) {
  Add(measured >= bound ? "ok" : "failed", what, measured, absl::StrFormat(">= %.6g", bound),
      absl::StrFormat("%.6g%s (at least %.6g)", measured, unit, bound));
}

void Judgements::TimeAtMost(const std::string& what, double measured, double bound,
                            const std::string& unit) {
  if (judges_times_) {
    AtMost(what, measured, bound, unit);
  } else {
    Add("told", what, measured, absl::StrFormat("<= %.6g", bound),
        absl::StrFormat("%.6g%s (at most %.6g, not judged here)", measured, unit, bound));
  }
}

void Judgements::Holds(const std::string& what, bool holds, const std::string& detail) {
  Add(holds ? "ok" : "failed", what, holds, true, detail);
}

void Judgements::LeftOut(const std::string& why, bool asked_for) {
  Add(asked_for ? "told" : "failed", "left out", !asked_for, false, why);
}

void Judgements::Tell(const std::string& what, double measured, const std::string& unit) {
  Add("told", what, measured, nullptr, absl::StrFormat("%.6g%s", measured, unit));
}

nlohmann::json Judgements::ToJson() const {
  return {{"trial", trial_}, {"passed", passed()}, {"checks", checks_}};
}

}  // namespace rollout
