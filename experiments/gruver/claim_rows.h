// How the claims of one comparison become rows of a page.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_CLAIM_ROWS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_CLAIM_ROWS_H_

#include <functional>
#include <string>
#include <vector>

#include "experiments/claims.h"
#include "experiments/experiment.h"
#include "experiments/gruver/comparison_results.h"

namespace rollout {

// What a comparison needs before its records say anything of a claim.
struct ClaimTerms {
  std::string experiment;
  Scale least = Scale::kShort;  // below it runs show that the code runs, not what it finds: no row
  int seeds = 3;                // with fewer the figures are shown without a verdict
};

// The figures of claims, each with seeds and command, and their verdicts. One owner; `results` must
// outlive it.
class ClaimRows {
 public:
  ClaimRows(ClaimTerms terms, const ComparisonResults& results)
      : terms_(std::move(terms)), results_(results) {}

  void Add(const std::string& id, const std::string& figures, bool met);
  void Add(const std::string& id, const std::string& figures, const std::vector<ClaimPart>& parts);
  // Of what is the same however many steps a run makes, and with whichever seed.
  void AddOfAnyScale(const std::string& id, const std::string& figures, bool met);
  // Without a verdict.
  void AddReport(const std::string& id, const std::string& figures);

  std::vector<ClaimResult> Take() { return std::move(rows_); }

 private:
  bool IsBelowLeast() const;
  std::string WithSource(const std::string& figures) const;

  const ClaimTerms terms_;
  const ComparisonResults& results_;
  std::vector<ClaimResult> rows_;
};

// "chain_pendulum_2 1.2 [1.1, 1.4], ..." of one figure a system and seed.
using FiguresOfSeeds = std::function<std::vector<double>(const std::string& system)>;
std::string BySystem(const std::vector<std::string>& systems, const FiguresOfSeeds& figures);

// The mechanical systems that claims are about.
std::vector<std::string> Chains();            // of 2 to 4 bodies
std::vector<std::string> Springs();           // of 2 to 4 bodies
std::vector<std::string> ChainsAndSprings();  // both

// ln `from` - ln `to` in a metric, means over seeds.
double LogRatio(const ComparisonResults& results, const std::string& system,
                const std::string& from, const std::string& to,
                const std::string& metric = "rollout_error");

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_CLAIM_ROWS_H_
