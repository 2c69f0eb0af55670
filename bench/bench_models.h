// The models that benchmarks compute, and how much work they are.
#ifndef ROLLOUT_BENCH_BENCH_MODELS_H_
#define ROLLOUT_BENCH_BENCH_MODELS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/transition_model.h"

namespace rollout::bench {

// What a benchmark may vary; the defaults are Hopper's sizes.
struct BenchModelOptions {
  std::string kind = "NODE_SO";  // NODE, NODE_SO, MECHANICS, HNN (learned mass, force)
  int width = 128;
  int depth = 2;  // hidden layers of every network
  int substeps = 8;
};

// Random weights: n = 6, nu = 3, tanh, dt = 8 ms; one evaluation of the dynamics a substep (NODE_SO
// by CONSTANT_ACCELERATION, the others by EULER). INVALID_ARGUMENT for another kind.
absl::StatusOr<TransitionModel> MakeBenchModel(const BenchModelOptions& options);

// Floating-point operations of the matrix products of one evaluation of dz/dt, 2 for each
// multiply-add: networks forward, for HNN their gradients with respect to the input, and the
// products with L and L'. Activations, biases and the integrator are not counted, so a rollout
// cannot reach the peak.
double MatrixFlopsPerEvaluation(const TransitionModelSpec& spec);

// Numbers in the weight matrices that one evaluation reads.
int WeightsPerEvaluation(const TransitionModelSpec& spec);

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_BENCH_MODELS_H_
