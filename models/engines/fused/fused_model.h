// A transition model as the fused engine's kernels read it: sizes, index lists and networks, with
// every name, string and default resolved.
#ifndef ROLLOUT_MODELS_ENGINES_FUSED_FUSED_MODEL_H_
#define ROLLOUT_MODELS_ENGINES_FUSED_FUSED_MODEL_H_

#include <vector>

#include "absl/status/statusor.h"
#include "models/transition_model.h"

namespace rollout::fused {

// y = weight x + bias.
struct DenseLayer {
  int inputs = 0;
  int outputs = 0;
  std::vector<float> weight;  // [outputs, inputs], row-major
  std::vector<float> bias;    // [outputs]
};

// The model's activation follows every layer but the last.
using Network = std::vector<DenseLayer>;

// The networks of one ensemble member. Those that the kind does not have are empty.
struct MemberNetworks {
  Network mlp;        // f(q), v or p, u -> rates or force: `mlp`, or `force` of HNN
  Network potential;  // f(q) -> V
  Network mass;       // f(q) -> lower triangle of L, row by row
};

// Immutable once made; any thread may read it.
struct FusedModel {
  int num_positions = 0;  // n
  int num_controls = 0;   // nu
  int num_features = 0;   // F
  std::vector<int> angular_positions;
  std::vector<int> plain_positions;  // enter f(q) as they are

  DynamicsKind kind = DynamicsKind::kNodeSo;
  Activation activation = Activation::kTanh;
  bool learned_mass = false;  // Minv(q) = L L' + mass_epsilon I; else p = v
  float mass_epsilon = 0.0f;

  IntegratorMethod method = IntegratorMethod::kEuler;
  int substeps = 1;
  float step = 0.0f;  // h = transition_dt / substeps, in seconds

  std::vector<float> input_mean;  // [F + n + nu]
  std::vector<float> input_std;
  std::vector<float> output_mean;  // [outputs of mlp]
  std::vector<float> output_std;

  std::vector<MemberNetworks> members;  // [E]

  bool has_mlp() const { return !members[0].mlp.empty(); }
  bool has_potential() const { return !members[0].potential.empty(); }
  int num_inputs() const { return num_features + num_positions + num_controls; }
};

// UNIMPLEMENTED, naming what this engine does not take, for kinds other than NODE, NODE_SO,
// MECHANICS and HNN and for the methods IMPLICIT_MIDPOINT and DOPRI5; INVALID_ARGUMENT where a
// tensor is missing or has another size than `model.spec` implies.
absl::StatusOr<FusedModel> MakeFusedModel(const TransitionModel& model);

}  // namespace rollout::fused

#endif  // ROLLOUT_MODELS_ENGINES_FUSED_FUSED_MODEL_H_
