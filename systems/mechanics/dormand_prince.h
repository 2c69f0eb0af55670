// An adaptive solver of ordinary differential equations in float64.
#ifndef ROLLOUT_SYSTEMS_MECHANICS_DORMAND_PRINCE_H_
#define ROLLOUT_SYSTEMS_MECHANICS_DORMAND_PRINCE_H_

#include <array>
#include <functional>
#include <vector>

#include "absl/types/span.h"

namespace rollout {

struct DormandPrinceOptions {
  double rtol = 1e-10;
  double atol = 1e-12;
  int max_steps = 100000;  // of one Advance; beyond it the variables become NaN
};

// Dormand and Prince's pair of orders 5(4) (J. Comput. Appl. Math. 6, 1980), steps chosen by the
// usual elementary controller (Hairer, Norsett and Wanner, Solving Ordinary Differential Equations
// I, II.4), the last one cut to end on time. Remembers its step size from call to call. One owner,
// one thread.
class DormandPrince {
 public:
  using Derivative =
      std::function<void(absl::Span<const double> variables, absl::Span<double> derivative)>;

  DormandPrince(int num_variables, DormandPrinceOptions options = {});

  // Forgets the step size: what follows no longer depends on what was solved before.
  void Restart() { step_ = 0.0; }

  // Carries `variables` over `duration` seconds; backwards where it is negative.
  void Advance(const Derivative& derivative, double duration, absl::Span<double> variables);

 private:
  // One step of `h` from `variables` into next_, slopes_[6] = derivative there; returns the error
  // in units of the tolerance.
  double Try(const Derivative& derivative, double h, absl::Span<const double> variables);

  const DormandPrinceOptions options_;
  double step_ = 0.0;  // absolute; 0 = not known
  std::array<std::vector<double>, 7> slopes_;
  std::vector<double> next_;
};

}  // namespace rollout

#endif  // ROLLOUT_SYSTEMS_MECHANICS_DORMAND_PRINCE_H_
