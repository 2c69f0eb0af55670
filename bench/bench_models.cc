#include "bench/bench_models.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "tests/support/random_model.h"

namespace rollout::bench {
namespace {

// Weights of a network with these numbers of inputs and outputs.
double NetworkWeights(const TransitionModelSpec& spec, int inputs, int outputs) {
  double weights = 0.0;
  double width = inputs;
  for (int hidden : spec.dynamics.hidden_sizes) {
    weights += width * hidden;
    width = hidden;
  }
  return weights + width * outputs;
}

// Multiply-adds of the matrix products of one evaluation.
double MultiplyAdds(const TransitionModelSpec& spec) {
  const int n = spec.num_positions;
  const int features = spec.num_features();
  const int inputs = features + n + spec.num_controls;
  const int triangle = n * (n + 1) / 2;
  const bool learned_mass = spec.dynamics.mass == MassKind::kLearned;
  const double mass_network = learned_mass ? NetworkWeights(spec, features, triangle) : 0.0;
  const double mass_products = learned_mass ? 2.0 * triangle : 0.0;
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
      return NetworkWeights(spec, inputs, 2 * n);
    case DynamicsKind::kMechanics:
      return NetworkWeights(spec, inputs, n) + mass_network + mass_products;
    case DynamicsKind::kHnn: {
      const double force = spec.dynamics.has_force ? NetworkWeights(spec, inputs, n) : 0.0;
      const double potential = NetworkWeights(spec, features, 1);
      return 2.0 * (potential + mass_network) + force + mass_products;  // there and back
    }
    default:
      return NetworkWeights(spec, inputs, n);
  }
}

}  // namespace

absl::StatusOr<TransitionModel> MakeBenchModel(const BenchModelOptions& options) {
  SpecChoice choice;
  choice.num_positions = 6;
  choice.num_controls = 3;
  choice.hidden_sizes = std::vector<int>(options.depth, options.width);
  choice.transition_dt = 0.008;
  choice.substeps = options.substeps;
  choice.method = IntegratorMethod::kEuler;
  if (options.kind == "NODE") {
    choice.kind = DynamicsKind::kNode;
  } else if (options.kind == "NODE_SO") {
    choice.kind = DynamicsKind::kNodeSo;
    choice.method = IntegratorMethod::kConstantAcceleration;
  } else if (options.kind == "MECHANICS") {
    choice.kind = DynamicsKind::kMechanics;
  } else if (options.kind == "HNN") {
    choice.kind = DynamicsKind::kHnn;
    choice.has_force = true;
  } else {
    return absl::InvalidArgumentError(absl::StrCat("no benchmark of kind ", options.kind,
                                                   "; there are NODE, NODE_SO, MECHANICS, HNN"));
  }
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = absl::StrCat("bench-", options.kind);
  return RandomModel(spec, 1);
}

double MatrixFlopsPerEvaluation(const TransitionModelSpec& spec) {
  return 2.0 * MultiplyAdds(spec);
}

int WeightsPerEvaluation(const TransitionModelSpec& spec) {
  return static_cast<int>(MultiplyAdds(spec));
}

}  // namespace rollout::bench
