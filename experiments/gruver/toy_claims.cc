#include "experiments/gruver/toy_claims.h"

#include "experiments/gruver/claim_rows.h"
#include "experiments/gruver/energy_claims.h"
#include "experiments/gruver/second_order_claims.h"
#include "experiments/gruver/variant_claims.h"

namespace rollout {

std::vector<ClaimResult> ToyClaims(const std::string& experiment,
                                   const ComparisonResults& results) {
  const bool at_quick =
      experiment == "toy-symplectic" || experiment == "toy-losses" || experiment == "toy-others";
  ClaimRows rows({experiment, at_quick ? Scale::kQuick : Scale::kShort}, results);
  if (experiment == "toy-rollouts") {
    AddSecondOrderClaims(results, &rows);
    AddEnergyClaims(results, &rows);
  } else if (experiment == "toy-second-order") {
    AddSeparableClaim(results, &rows);
  } else if (experiment == "toy-friction") {
    AddFrictionClaims(results, &rows);
  } else if (experiment == "toy-others") {
    AddOtherSystemsClaim(results, &rows);
  } else if (experiment == "toy-symplectic") {
    AddSymplecticityClaims(results, &rows);
  } else if (experiment == "toy-losses") {
    AddLossClaim(results, &rows);
  }
  return rows.Take();
}

}  // namespace rollout
