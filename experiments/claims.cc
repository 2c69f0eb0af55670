#include "experiments/claims.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace rollout {

std::string VerdictOf(Rule rule, const std::string& scale) {
  if (rule == Rule::kTooFewSeeds) {
    return absl::StrCat("not run with enough seeds (at `", scale, "`)");
  }
  return VerdictOf(std::vector<ClaimPart>{{"", rule == Rule::kMet}}, scale);
}

std::string VerdictOf(const std::vector<ClaimPart>& parts, const std::string& scale) {
  const bool paper = scale == "paper";
  std::vector<std::string> verdicts;
  for (const ClaimPart& part : parts) {
    const char* verdict =
        paper ? (part.met ? "holds" : "does not hold") : (part.met ? "met" : "not met");
    verdicts.push_back(absl::StrCat(part.name, part.name.empty() ? "" : " ", verdict));
  }
  return absl::StrCat(paper ? "" : absl::StrCat("not run at paper scale; at `", scale, "` "),
                      absl::StrJoin(verdicts, ", "));
}

std::string ReplaceClaims(const std::string& page, const std::vector<ClaimResult>& results) {
  std::vector<std::string> lines = absl::StrSplit(page, '\n');
  for (std::string& line : lines) {
    if (!absl::StartsWith(line, "| ")) continue;
    std::vector<std::string> cells = absl::StrSplit(line, " | ");
    const auto result = std::find_if(
        results.begin(), results.end(),
        [&](const ClaimResult& candidate) { return absl::StrCat("| ", candidate.id) == cells[0]; });
    if (result == results.end() || cells.size() < 2) continue;
    line = absl::StrCat(cells[0], " | ", cells[1], " | ", result->measured, " | ", result->verdict,
                        " |");
  }
  return absl::StrJoin(lines, "\n");
}

}  // namespace rollout
