// What an experiment's records say of the papers' claims, and the page that lists them.
#ifndef ROLLOUT_EXPERIMENTS_CLAIMS_H_
#define ROLLOUT_EXPERIMENTS_CLAIMS_H_

#include <string>
#include <vector>

namespace rollout {

// One claim as far as it was measured.
struct ClaimResult {
  std::string id;        // "T7"
  std::string measured;  // figures, seeds and command
  std::string verdict;   // "holds", "does not hold", "not run ..."
};

// Whether a claim's rule is met by what was measured.
enum class Rule { kMet, kNotMet, kTooFewSeeds };

// The verdict: `holds` and `does not hold` are said of runs at the papers' own scale only.
// `scale`: "paper", "short" or "quick".
std::string VerdictOf(Rule rule, const std::string& scale);

// Of a claim of several parts ("(a)", "(b)"), each with its own verdict.
struct ClaimPart {
  std::string name;
  bool met = false;
};
std::string VerdictOf(const std::vector<ClaimPart>& parts, const std::string& scale);

// `page`, a Markdown page with tables of four columns (id, claim, measured, verdict), with the last
// two cells of every row whose id `results` has.
std::string ReplaceClaims(const std::string& page, const std::vector<ClaimResult>& results);

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_CLAIMS_H_
