// Who takes part in a benchmark of rollouts: an engine of ours, or a peer.
#ifndef ROLLOUT_BENCH_CONTENDER_H_
#define ROLLOUT_BENCH_CONTENDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"

namespace rollout::bench {

// The work that every contender of a cell does: the same model, states and controls.
struct Case {
  TransitionModel model;
  int batch = 1;
  int horizon = 200;
  bool gradient = false;        // of the sum of the final states with respect to the controls
  std::vector<float> initial;   // [batch, 2n]
  std::vector<float> controls;  // [batch, horizon, nu]
};

// How long one run took: by the wall, and of the processor by all threads of whoever computed it.
struct RunTime {
  double ms = 0.0;
  double cpu_ms = 0.0;
};

// Owned by one thread. Prepare comes first, once for every case.
class Contender {
 public:
  virtual ~Contender() = default;
  virtual std::string name() const = 0;
  virtual std::string device() const { return "cpu"; }
  virtual int threads() const = 0;

  // Compiles, warms up. `work` must live until the next Prepare. UNIMPLEMENTED with the reason
  // where it does not take such a case.
  virtual absl::Status Prepare(const Case& work) = 0;
  // Does the work once.
  virtual absl::StatusOr<RunTime> Run() = 0;
  // What it came to: the trajectories [batch, horizon + 1, 2n], or the gradient [batch, horizon,
  // nu].
  virtual absl::StatusOr<std::vector<float>> Result() = 0;
};

// An engine on `threads` threads; `module` is that of its name.
std::unique_ptr<Contender> MakeEngineContender(const std::string& name, const EngineModule* module,
                                               int threads);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_CONTENDER_H_
