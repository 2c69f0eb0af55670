#include "models/transition_model.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <tuple>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr int kMaxPositions = 512;
constexpr int kMaxControls = 512;
constexpr int kMaxSubsteps = 1024;
constexpr int kMaxEnsembleSize = 64;
constexpr int kMaxHiddenLayers = 16;
constexpr int kMaxHiddenSize = 8192;
constexpr double kMinMassEpsilon = 1e-8;

absl::Status Invalid(absl::string_view field, absl::string_view found, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": found ", found, ", expected ", expected));
}

absl::Status CheckRange(absl::string_view field, int value, int low, int high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Invalid(field, absl::StrCat(value), absl::StrCat(low, " to ", high));
}

absl::Status CheckPositive(absl::string_view field, double value) {
  if (std::isfinite(value) && value > 0) return absl::OkStatus();
  return Invalid(field, absl::StrCat(value), "a finite number above 0");
}

absl::Status CheckLength(absl::string_view field, size_t length, int expected, bool may_be_empty) {
  if (length == static_cast<size_t>(expected) || (may_be_empty && length == 0)) {
    return absl::OkStatus();
  }
  return Invalid(field, absl::StrCat(length, " entries"),
                 absl::StrCat(expected, may_be_empty ? " or none" : ""));
}

absl::Status CheckPositions(absl::string_view field, const std::vector<int>& indices, int n) {
  for (size_t k = 0; k < indices.size(); ++k) {
    if (indices[k] < 0 || indices[k] >= n) {
      return Invalid(field, absl::StrCat(indices[k]), absl::StrCat("indices in [0, ", n, ")"));
    }
    if (k > 0 && indices[k] <= indices[k - 1]) {
      return Invalid(field, absl::StrCat(indices[k], " after ", indices[k - 1]),
                     "strictly increasing indices");
    }
  }
  return absl::OkStatus();
}

// Both empty, or both of `length` finite numbers; low < high, or low <= high where `may_touch`.
// Entries of `unread` are not compared.
absl::Status CheckBounds(absl::string_view low_field, const std::vector<float>& low,
                         absl::string_view high_field, const std::vector<float>& high, int length,
                         bool may_touch, const std::vector<int>& unread) {
  if (low.empty() != high.empty()) {
    return Invalid(low.empty() ? low_field : high_field, "none",
                   absl::StrCat("as many entries as ", low.empty() ? high_field : low_field));
  }
  if (absl::Status s = CheckLength(low_field, low.size(), length, true); !s.ok()) return s;
  if (absl::Status s = CheckLength(high_field, high.size(), length, true); !s.ok()) return s;
  for (size_t k = 0; k < low.size(); ++k) {
    const std::string pair = absl::StrCat(low[k], " and ", high[k], " at ", k);
    if (!std::isfinite(low[k]) || !std::isfinite(high[k])) {
      return Invalid(absl::StrCat(low_field, ", ", high_field), pair, "finite numbers");
    }
    if (std::find(unread.begin(), unread.end(), static_cast<int>(k)) != unread.end()) continue;
    if (low[k] > high[k] || (!may_touch && low[k] == high[k])) {
      return Invalid(absl::StrCat(low_field, ", ", high_field), pair, "low below high");
    }
  }
  return absl::OkStatus();
}

bool HasMass(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
         kind == DynamicsKind::kMechanics;
}

bool MayHaveForce(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable;
}

// Sizes that one kind has and the others have not.
absl::Status ValidateExtraSizes(const DynamicsSpec& dynamics) {
  for (const auto& [field, size, kind] :
       {std::tuple("dynamics.memory_size", dynamics.memory_size, DynamicsKind::kNodeRecurrent),
        std::tuple("dynamics.autoencoder_width", dynamics.autoencoder_width,
                   DynamicsKind::kPixelHnn)}) {
    if (dynamics.kind == kind) {
      if (absl::Status s = CheckRange(field, size, 1, kMaxHiddenSize); !s.ok()) return s;
    } else if (size != 0) {
      return Invalid(field, absl::StrCat(size, " with kind ", Name(dynamics.kind)),
                     absl::StrCat("none: only ", Name(kind), " has it"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateDynamics(const TransitionModelSpec& spec) {
  const DynamicsSpec& dynamics = spec.dynamics;
  const char* kind = Name(dynamics.kind);
  if (dynamics.hidden_sizes.size() > kMaxHiddenLayers) {
    return Invalid("dynamics.hidden_sizes", absl::StrCat(dynamics.hidden_sizes.size(), " layers"),
                   absl::StrCat("at most ", kMaxHiddenLayers));
  }
  for (const int size : dynamics.hidden_sizes) {
    if (absl::Status s = CheckRange("dynamics.hidden_sizes", size, 1, kMaxHiddenSize); !s.ok()) {
      return s;
    }
  }
  if (dynamics.has_force && !MayHaveForce(dynamics.kind)) {
    return Invalid("dynamics.has_force", absl::StrCat("true with kind ", kind),
                   "it on HNN and HNN_NONSEPARABLE only");
  }
  if (HasMass(dynamics.kind) != (dynamics.mass != MassKind::kNone)) {
    return Invalid(
        "dynamics.mass", absl::StrCat(Name(dynamics.mass), " with kind ", kind),
        HasMass(dynamics.kind) ? "LEARNED or IDENTITY" : "none: this kind has no mass matrix");
  }
  if (!std::isfinite(dynamics.mass_epsilon) || dynamics.mass_epsilon < kMinMassEpsilon) {
    return Invalid("dynamics.mass_epsilon", absl::StrCat(dynamics.mass_epsilon),
                   absl::StrCat("a finite number of at least ", kMinMassEpsilon));
  }
  if (absl::Status s = ValidateExtraSizes(dynamics); !s.ok()) return s;
  const bool is_canonical =
      dynamics.kind == DynamicsKind::kHnnCanonical || dynamics.kind == DynamicsKind::kPixelHnn;
  if (is_canonical && (!spec.angular_positions.empty() || !spec.ignored_positions.empty())) {
    return Invalid("angular_positions, ignored_positions", absl::StrCat("some with kind ", kind),
                   "none: its network sees the canonical state itself");
  }
  if (dynamics.kind == DynamicsKind::kPixelHnn && spec.ensemble_size != 1) {
    return Invalid("ensemble_size", absl::StrCat(spec.ensemble_size, " with kind ", kind),
                   "1: latent states of several autoencoders have no mean");
  }
  for (const NetworkShape& network : Networks(spec)) {
    if (network.inputs == 0) {
      return Invalid("ignored_positions", "all positions",
                     absl::StrCat("at least one that network ", network.name, " sees"));
    }
  }
  return absl::OkStatus();
}

absl::Status ValidateIntegrator(const IntegratorSpec& integrator, const DynamicsSpec& dynamics) {
  if (absl::Status s = CheckRange("integrator.substeps", integrator.substeps, 1, kMaxSubsteps);
      !s.ok()) {
    return s;
  }
  const IntegratorMethod method = integrator.method;
  const std::string found = absl::StrCat(Name(method), " with kind ", Name(dynamics.kind));
  if (method == IntegratorMethod::kConstantAcceleration && !IsSecondOrder(dynamics)) {
    return Invalid("integrator.method",
                   absl::StrCat(found, dynamics.mass == MassKind::kLearned ? ", mass LEARNED" : ""),
                   "CONSTANT_ACCELERATION with a second-order kind only: NODE_SO, or HNN or "
                   "MECHANICS with mass IDENTITY");
  }
  const bool partitioned =
      method == IntegratorMethod::kSymplecticEuler || method == IntegratorMethod::kLeapfrog;
  if (partitioned &&
      (dynamics.kind == DynamicsKind::kNode || dynamics.kind == DynamicsKind::kNodeRecurrent)) {
    return Invalid("integrator.method", found,
                   "a method that does not split positions from velocities: EULER, RK4, RK4_38, "
                   "IMPLICIT_MIDPOINT or DOPRI5");
  }
  const bool has_tolerances =
      method == IntegratorMethod::kImplicitMidpoint || method == IntegratorMethod::kDopri5;
  for (const auto& [field, value] : {std::pair("integrator.rtol", integrator.rtol),
                                     std::pair("integrator.atol", integrator.atol)}) {
    if (value == 0.0) continue;  // the method's default
    if (!has_tolerances) {
      return Invalid(field, absl::StrCat(value, " with ", Name(method)),
                     "it with IMPLICIT_MIDPOINT and DOPRI5 only");
    }
    if (absl::Status s = CheckPositive(field, value); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status ValidateState(const TransitionModelSpec& spec) {
  const int n = spec.num_positions;
  if (absl::Status s = CheckPositions("angular_positions", spec.angular_positions, n); !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckPositions("ignored_positions", spec.ignored_positions, n); !s.ok()) {
    return s;
  }
  for (const int index : spec.ignored_positions) {
    if (std::binary_search(spec.angular_positions.begin(), spec.angular_positions.end(), index)) {
      return Invalid("ignored_positions", absl::StrCat(index, ", which is angular too"),
                     "indices outside angular_positions");
    }
  }
  if (absl::Status s = CheckLength("state_scale", spec.state_scale.size(), 2 * n, false); !s.ok()) {
    return s;
  }
  for (const float scale : spec.state_scale) {
    if (absl::Status s = CheckPositive("state_scale", scale); !s.ok()) return s;
  }
  if (absl::Status s = CheckLength("state_names", spec.state_names.size(), 2 * n, true); !s.ok()) {
    return s;
  }
  return CheckBounds("data_low", spec.data_low, "data_high", spec.data_high, 2 * n,
                     /*may_touch=*/true, /*unread=*/spec.ignored_positions);
}

}  // namespace

bool IsModelName(const std::string& name) {
  if (name.empty() || name.size() > 64) return false;
  const auto alphanumeric = [](unsigned char c) { return c < 128 && std::isalnum(c) != 0; };
  return alphanumeric(name[0]) && std::all_of(name.begin(), name.end(), [&](char c) {
           return alphanumeric(c) || c == '.' || c == '_' || c == '-';
         });
}

bool IsSecondOrder(const DynamicsSpec& dynamics) {
  return dynamics.kind == DynamicsKind::kNodeSo ||
         ((dynamics.kind == DynamicsKind::kHnn || dynamics.kind == DynamicsKind::kMechanics) &&
          dynamics.mass == MassKind::kIdentity);
}

absl::Status ValidateSpec(const TransitionModelSpec& spec) {
  if (!IsModelName(spec.name)) {
    return Invalid("name", absl::StrCat("\"", spec.name, "\""), "[A-Za-z0-9][A-Za-z0-9._-]{0,63}");
  }
  // The sizes come first: everything after is measured with them.
  for (const absl::Status& status :
       {CheckRange("num_positions", spec.num_positions, 1, kMaxPositions),
        CheckRange("num_controls", spec.num_controls, 0, kMaxControls),
        CheckRange("ensemble_size", spec.ensemble_size, 1, kMaxEnsembleSize),
        CheckPositive("transition_dt", spec.transition_dt),
        CheckPositive("golden_tolerance", spec.golden_tolerance)}) {
    if (!status.ok()) return status;
  }
  if (absl::Status s = ValidateState(spec); !s.ok()) return s;
  if (absl::Status s = ValidateDynamics(spec); !s.ok()) return s;
  if (absl::Status s = ValidateIntegrator(spec.integrator, spec.dynamics); !s.ok()) return s;
  if (absl::Status s = CheckLength("control_names", spec.control_names.size(), spec.num_controls,
                                   /*may_be_empty=*/true);
      !s.ok()) {
    return s;
  }
  if (absl::Status s =
          CheckBounds("control_low", spec.control_low, "control_high", spec.control_high,
                      spec.num_controls, /*may_touch=*/false, /*unread=*/{});
      !s.ok()) {
    return s;
  }
  if (spec.useful_horizon < 0) {
    return Invalid("useful_horizon", absl::StrCat(spec.useful_horizon), "0 or more");
  }
  return absl::OkStatus();
}

void ClipControls(const TransitionModelSpec& spec, absl::Span<float> controls) {
  if (spec.control_low.empty()) return;
  const size_t nu = spec.num_controls;
  for (size_t k = 0; k < controls.size(); ++k) {
    const size_t j = k % nu;
    if (controls[k] < spec.control_low[j]) controls[k] = spec.control_low[j];
    if (controls[k] > spec.control_high[j]) controls[k] = spec.control_high[j];
  }
}

const NamedTensor* FindTensor(const TransitionModel& model, const std::string& name) {
  for (const NamedTensor& tensor : model.weights) {
    if (tensor.name == name) return &tensor;
  }
  return nullptr;
}

const char* Name(DynamicsKind kind) {
  switch (kind) {
    case DynamicsKind::kNode:
      return "NODE";
    case DynamicsKind::kNodeSo:
      return "NODE_SO";
    case DynamicsKind::kHnn:
      return "HNN";
    case DynamicsKind::kHnnNonseparable:
      return "HNN_NONSEPARABLE";
    case DynamicsKind::kMechanics:
      return "MECHANICS";
    case DynamicsKind::kHnnCanonical:
      return "HNN_CANONICAL";
    case DynamicsKind::kNodeRecurrent:
      return "NODE_RECURRENT";
    case DynamicsKind::kPixelHnn:
      return "PIXEL_HNN";
  }
  return "unknown kind";
}

const char* Name(Activation activation) {
  switch (activation) {
    case Activation::kTanh:
      return "TANH";
    case Activation::kRelu:
      return "RELU";
    case Activation::kSilu:
      return "SILU";
    case Activation::kSoftplus:
      return "SOFTPLUS";
  }
  return "unknown activation";
}

const char* Name(IntegratorMethod method) {
  switch (method) {
    case IntegratorMethod::kEuler:
      return "EULER";
    case IntegratorMethod::kConstantAcceleration:
      return "CONSTANT_ACCELERATION";
    case IntegratorMethod::kSymplecticEuler:
      return "SYMPLECTIC_EULER";
    case IntegratorMethod::kLeapfrog:
      return "LEAPFROG";
    case IntegratorMethod::kRk4:
      return "RK4";
    case IntegratorMethod::kRk4ThreeEighths:
      return "RK4_38";
    case IntegratorMethod::kImplicitMidpoint:
      return "IMPLICIT_MIDPOINT";
    case IntegratorMethod::kDopri5:
      return "DOPRI5";
  }
  return "unknown method";
}

const char* Name(MassKind mass) {
  switch (mass) {
    case MassKind::kNone:
      return "none";
    case MassKind::kLearned:
      return "LEARNED";
    case MassKind::kIdentity:
      return "IDENTITY";
  }
  return "unknown mass";
}

}  // namespace rollout
