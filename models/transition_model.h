// What a transition model is, in plain C++: the specification of its dynamics, integrator, bounds
// and names, and its weights. Engines take it, the checkpoint reader makes it. No protobuf type, no
// LibTorch type: it crosses the boundary of shared objects.
#ifndef ROLLOUT_MODELS_TRANSITION_MODEL_H_
#define ROLLOUT_MODELS_TRANSITION_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace rollout {

enum class DynamicsKind {
  kNode,
  kNodeSo,
  kHnn,
  kHnnNonseparable,
  kMechanics,
  kHnnCanonical,
  kNodeRecurrent,
  kPixelHnn,
};
enum class Activation { kTanh, kRelu, kSilu, kSoftplus };
enum class MassKind {
  kNone,      // the kind has no mass: v is carried
  kLearned,   // Minv(q) = L L' + mass_epsilon I
  kIdentity,  // Minv = I exactly, p = v bit for bit
};
enum class IntegratorMethod {
  kEuler,
  kConstantAcceleration,
  kSymplecticEuler,
  kLeapfrog,
  kRk4,
  kRk4ThreeEighths,
  kImplicitMidpoint,
  kDopri5,
};

struct DynamicsSpec {
  DynamicsKind kind = DynamicsKind::kNodeSo;
  std::vector<int> hidden_sizes;  // of every network; empty = linear
  Activation activation = Activation::kTanh;
  bool has_force = false;
  MassKind mass = MassKind::kNone;
  double mass_epsilon = 1e-4;
  int memory_size = 0;        // NODE_RECURRENT
  int autoencoder_width = 0;  // PIXEL_HNN
};

// What a pixel model sees: pairs of grey frames, row by row from the top, in [0, 1].
inline constexpr int kFrameHeight = 28;
inline constexpr int kFrameWidth = 28;
inline constexpr int kFrameNumbers = kFrameHeight * kFrameWidth;

struct IntegratorSpec {
  IntegratorMethod method = IntegratorMethod::kEuler;
  int substeps = 1;   // h = transition_dt / substeps
  double rtol = 0.0;  // adaptive and implicit methods; 0 = the method's default
  double atol = 0.0;
};

// A plain copy of rollout.v1.ModelSpec. Valid (ValidateSpec) wherever it is passed between rooms.
struct TransitionModelSpec {
  std::string name;
  int num_positions = 0;               // n
  int num_controls = 0;                // nu
  std::vector<int> angular_positions;  // strictly increasing, in [0, n)
  std::vector<int>
      ignored_positions;       // strictly increasing, in [0, n), disjoint from the angular ones
  double transition_dt = 0.0;  // seconds
  IntegratorSpec integrator;
  int ensemble_size = 1;  // E
  DynamicsSpec dynamics;
  std::vector<float> state_scale;  // [2n], > 0
  std::vector<std::string> state_names;
  std::vector<std::string> control_names;
  std::vector<float> control_low;  // empty = unbounded
  std::vector<float> control_high;
  std::string reward;
  std::string termination;
  double golden_tolerance = 1e-3;
  std::vector<float> data_low;  // [2n] or empty
  std::vector<float> data_high;
  int useful_horizon = 0;  // 0 = unknown

  int state_size() const { return 2 * num_positions; }
  // F = n + |angular| - |ignored|: the length of f(q).
  int num_features() const {
    return num_positions + static_cast<int>(angular_positions.size()) -
           static_cast<int>(ignored_positions.size());
  }
};

// A float32 array, row-major.
struct NamedTensor {
  std::string name;
  std::vector<int64_t> shape;
  std::vector<float> data;
};

// One transition model: immutable once made, shared by whoever computes with it.
struct TransitionModel {
  TransitionModelSpec spec;
  std::vector<NamedTensor> weights;  // exactly ExpectedTensors(spec), in that order
};

struct TensorShape {
  std::string name;
  std::vector<int64_t> shape;
};

// OK, or INVALID_ARGUMENT naming the field, what it holds and what is allowed. Reward and
// termination are names only here: models/checkpoint looks them up.
absl::Status ValidateSpec(const TransitionModelSpec& spec);

// One multilayer perceptron of a model: layers of the spec's hidden sizes between these two.
struct NetworkShape {
  std::string
      name;  // the prefix of its tensors: "mlp", "potential", "mass", "force", "hamiltonian"
  int inputs = 0;
  int outputs = 0;
};

// The networks that `spec` implies, in the order of their tensors: those with layers of the hidden
// sizes, which excludes the gates of NODE_RECURRENT and the autoencoder of PIXEL_HNN.
std::vector<NetworkShape> Networks(const TransitionModelSpec& spec);

// True where a network's input and output are normalised: the model then has input.* [F + n + nu]
// and output.* (2n for NODE and NODE_RECURRENT, else n).
bool HasNormalisers(const TransitionModelSpec& spec);

// True where dq is the carried velocity itself, so that dv is an acceleration: NODE_SO, and HNN
// and MECHANICS with an identity mass.
bool IsSecondOrder(const DynamicsSpec& dynamics);

// True for text that may name a model and its folder: [A-Za-z0-9][A-Za-z0-9._-]{0,63}.
bool IsModelName(const std::string& name);

// The tensors that `spec` implies, names and shapes as in weights.safetensors, in a fixed order.
// `spec` must be valid.
std::vector<TensorShape> ExpectedTensors(const TransitionModelSpec& spec);

// Brings `controls` [..., nu] into the spec's bounds, in place; without bounds it does nothing. NaN
// stays NaN: whoever takes controls from outside rejects those first.
void ClipControls(const TransitionModelSpec& spec, absl::Span<float> controls);

// nullptr where `model` has no such tensor.
const NamedTensor* FindTensor(const TransitionModel& model, const std::string& name);

// The names used in model.json, for messages and labels: "NODE_SO", "RK4", "TANH".
const char* Name(DynamicsKind kind);
const char* Name(Activation activation);
const char* Name(IntegratorMethod method);
const char* Name(MassKind mass);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_TRANSITION_MODEL_H_
