#include "experiments/gruver/claim_rows.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "experiments/statistics.h"

namespace rollout {

bool ClaimRows::IsBelowLeast() const {
  for (const Scale scale : {Scale::kQuick, Scale::kShort, Scale::kPaper}) {
    if (scale == terms_.least) return false;
    if (results_.scale() == Name(scale)) return true;
  }
  return false;
}

std::string ClaimRows::WithSource(const std::string& figures) const {
  return absl::StrCat(figures, "; ", results_.Source(terms_.experiment));
}

void ClaimRows::Add(const std::string& id, const std::string& figures, bool met) {
  Add(id, figures, {{"", met}});
}

void ClaimRows::Add(const std::string& id, const std::string& figures,
                    const std::vector<ClaimPart>& parts) {
  if (IsBelowLeast()) return;
  rows_.push_back({id, WithSource(figures),
                   results_.seeds() < terms_.seeds ? VerdictOf(Rule::kTooFewSeeds, results_.scale())
                                                   : VerdictOf(parts, results_.scale())});
}

void ClaimRows::AddOfAnyScale(const std::string& id, const std::string& figures, bool met) {
  rows_.push_back(
      {id, WithSource(figures), VerdictOf(met ? Rule::kMet : Rule::kNotMet, Name(Scale::kPaper))});
}

void ClaimRows::AddReport(const std::string& id, const std::string& figures) {
  if (IsBelowLeast()) return;
  rows_.push_back({id, WithSource(figures), "reported, not gated"});
}

std::string BySystem(const std::vector<std::string>& systems, const FiguresOfSeeds& figures) {
  std::vector<std::string> parts;
  for (const std::string& system : systems) {
    parts.push_back(absl::StrCat(system, " ", WithSpread(figures(system))));
  }
  return absl::StrJoin(parts, ", ");
}

std::vector<std::string> Chains() {
  return {"chain_pendulum_2", "chain_pendulum_3", "chain_pendulum_4"};
}

std::vector<std::string> Springs() {
  return {"spring_pendulum_2", "spring_pendulum_3", "spring_pendulum_4"};
}

std::vector<std::string> ChainsAndSprings() {
  std::vector<std::string> systems = Chains();
  for (const std::string& spring : Springs()) systems.push_back(spring);
  return systems;
}

double LogRatio(const ComparisonResults& results, const std::string& system,
                const std::string& from, const std::string& to, const std::string& metric) {
  return results.MeanLog(system, from, metric) - results.MeanLog(system, to, metric);
}

}  // namespace rollout
