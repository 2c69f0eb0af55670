#include "models/checkpoint/model_json.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

template <typename From, typename To>
struct EnumPair {
  From wire;
  To plain;
};

constexpr EnumPair<v1::DynamicsSpec::Kind, DynamicsKind> kKinds[] = {
    {v1::DynamicsSpec::NODE, DynamicsKind::kNode},
    {v1::DynamicsSpec::NODE_SO, DynamicsKind::kNodeSo},
    {v1::DynamicsSpec::HNN, DynamicsKind::kHnn},
    {v1::DynamicsSpec::HNN_NONSEPARABLE, DynamicsKind::kHnnNonseparable},
    {v1::DynamicsSpec::MECHANICS, DynamicsKind::kMechanics},
    {v1::DynamicsSpec::HNN_CANONICAL, DynamicsKind::kHnnCanonical},
    {v1::DynamicsSpec::NODE_RECURRENT, DynamicsKind::kNodeRecurrent},
    {v1::DynamicsSpec::PIXEL_HNN, DynamicsKind::kPixelHnn},
};
constexpr EnumPair<v1::DynamicsSpec::Activation, Activation> kActivations[] = {
    {v1::DynamicsSpec::TANH, Activation::kTanh},
    {v1::DynamicsSpec::RELU, Activation::kRelu},
    {v1::DynamicsSpec::SILU, Activation::kSilu},
    {v1::DynamicsSpec::SOFTPLUS, Activation::kSoftplus},
};
constexpr EnumPair<v1::DynamicsSpec::Mass, MassKind> kMasses[] = {
    {v1::DynamicsSpec::MASS_UNSPECIFIED, MassKind::kNone},
    {v1::DynamicsSpec::LEARNED, MassKind::kLearned},
    {v1::DynamicsSpec::IDENTITY, MassKind::kIdentity},
};
constexpr EnumPair<v1::IntegratorSpec::Method, IntegratorMethod> kMethods[] = {
    {v1::IntegratorSpec::EULER, IntegratorMethod::kEuler},
    {v1::IntegratorSpec::CONSTANT_ACCELERATION, IntegratorMethod::kConstantAcceleration},
    {v1::IntegratorSpec::SYMPLECTIC_EULER, IntegratorMethod::kSymplecticEuler},
    {v1::IntegratorSpec::LEAPFROG, IntegratorMethod::kLeapfrog},
    {v1::IntegratorSpec::RK4, IntegratorMethod::kRk4},
    {v1::IntegratorSpec::RK4_38, IntegratorMethod::kRk4ThreeEighths},
    {v1::IntegratorSpec::IMPLICIT_MIDPOINT, IntegratorMethod::kImplicitMidpoint},
    {v1::IntegratorSpec::DOPRI5, IntegratorMethod::kDopri5},
};

template <typename From, typename To, size_t N>
absl::Status Convert(absl::string_view field, From wire, const EnumPair<From, To> (&table)[N],
                     To* plain) {
  for (const auto& pair : table) {
    if (pair.wire == wire) {
      *plain = pair.plain;
      return absl::OkStatus();
    }
  }
  const std::string found = static_cast<int>(wire) == 0
                                ? std::string("nothing")
                                : absl::StrCat("number ", static_cast<int>(wire));
  return absl::InvalidArgumentError(
      absl::StrCat(field, ": found ", found, ", expected one of its names in model_spec.proto"));
}

template <typename From, typename To, size_t N>
From WireValue(To plain, const EnumPair<From, To> (&table)[N]) {
  for (const auto& pair : table) {
    if (pair.plain == plain) return pair.wire;
  }
  return From{};
}

// Numbers above int's range stay too large for every limit of ValidateSpec.
int ToInt(uint32_t value) {
  return static_cast<int>(std::min<uint32_t>(value, std::numeric_limits<int>::max()));
}

template <typename Range>
std::vector<int> ToInts(const Range& range) {
  std::vector<int> values;
  values.reserve(range.size());
  for (const uint32_t value : range) values.push_back(ToInt(value));
  return values;
}

template <typename T, typename Range>
std::vector<T> ToVector(const Range& range) {
  return std::vector<T>(range.begin(), range.end());
}

// An explicit tolerance must be above 0; in a TransitionModelSpec 0 means the method's default.
absl::Status ReadTolerance(absl::string_view field, bool is_set, double value, double* tolerance) {
  if (is_set && !(value > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": found ", value, ", expected a number above 0"));
  }
  *tolerance = is_set ? value : 0.0;
  return absl::OkStatus();
}

absl::Status ReadDynamics(const v1::DynamicsSpec& message, DynamicsSpec* dynamics) {
  if (absl::Status s = Convert("dynamics.kind", message.kind(), kKinds, &dynamics->kind); !s.ok()) {
    return s;
  }
  if (absl::Status s =
          Convert("dynamics.activation", message.activation(), kActivations, &dynamics->activation);
      !s.ok()) {
    return s;
  }
  if (absl::Status s = Convert("dynamics.mass", message.mass(), kMasses, &dynamics->mass);
      !s.ok()) {
    return s;
  }
  const bool has_mass = dynamics->kind == DynamicsKind::kHnn ||
                        dynamics->kind == DynamicsKind::kHnnNonseparable ||
                        dynamics->kind == DynamicsKind::kMechanics;
  if (has_mass && dynamics->mass == MassKind::kNone) dynamics->mass = MassKind::kLearned;
  dynamics->hidden_sizes = ToInts(message.hidden_sizes());
  dynamics->has_force = message.has_force();
  dynamics->memory_size = ToInt(message.memory_size());
  dynamics->autoencoder_width = ToInt(message.autoencoder_width());
  if (message.has_mass_epsilon()) dynamics->mass_epsilon = message.mass_epsilon();
  return absl::OkStatus();
}

absl::Status ReadIntegrator(const v1::IntegratorSpec& message, IntegratorSpec* integrator) {
  if (absl::Status s =
          Convert("integrator.method", message.method(), kMethods, &integrator->method);
      !s.ok()) {
    return s;
  }
  integrator->substeps = ToInt(message.substeps());
  if (absl::Status s =
          ReadTolerance("integrator.rtol", message.has_rtol(), message.rtol(), &integrator->rtol);
      !s.ok()) {
    return s;
  }
  return ReadTolerance("integrator.atol", message.has_atol(), message.atol(), &integrator->atol);
}

}  // namespace

absl::StatusOr<TransitionModelSpec> SpecFromProto(const v1::ModelSpec& message) {
  TransitionModelSpec spec;
  if (absl::Status s = ReadDynamics(message.dynamics(), &spec.dynamics); !s.ok()) return s;
  if (absl::Status s = ReadIntegrator(message.integrator(), &spec.integrator); !s.ok()) return s;
  spec.name = message.name();
  spec.num_positions = ToInt(message.num_positions());
  spec.num_controls = ToInt(message.num_controls());
  spec.angular_positions = ToInts(message.angular_positions());
  spec.ignored_positions = ToInts(message.ignored_positions());
  spec.transition_dt = message.transition_dt();
  spec.ensemble_size = ToInt(message.ensemble_size());
  spec.state_scale = ToVector<float>(message.state_scale());
  spec.state_names = ToVector<std::string>(message.state_names());
  spec.control_names = ToVector<std::string>(message.control_names());
  spec.control_low = ToVector<float>(message.control_low());
  spec.control_high = ToVector<float>(message.control_high());
  spec.reward = message.reward();
  spec.termination = message.termination();
  if (message.has_golden_tolerance()) spec.golden_tolerance = message.golden_tolerance();
  spec.data_low = ToVector<float>(message.data_low());
  spec.data_high = ToVector<float>(message.data_high());
  spec.useful_horizon = ToInt(message.useful_horizon());
  if (absl::Status s = ValidateSpec(spec); !s.ok()) return s;
  return spec;
}

v1::ModelSpec SpecToProto(const TransitionModelSpec& spec) {
  v1::ModelSpec message;
  message.set_name(spec.name);
  message.set_num_positions(spec.num_positions);
  message.set_num_controls(spec.num_controls);
  message.mutable_angular_positions()->Add(spec.angular_positions.begin(),
                                           spec.angular_positions.end());
  message.mutable_ignored_positions()->Add(spec.ignored_positions.begin(),
                                           spec.ignored_positions.end());
  message.set_transition_dt(spec.transition_dt);
  v1::IntegratorSpec* integrator = message.mutable_integrator();
  integrator->set_method(WireValue(spec.integrator.method, kMethods));
  integrator->set_substeps(spec.integrator.substeps);
  if (spec.integrator.rtol > 0) integrator->set_rtol(spec.integrator.rtol);
  if (spec.integrator.atol > 0) integrator->set_atol(spec.integrator.atol);
  message.set_ensemble_size(spec.ensemble_size);
  v1::DynamicsSpec* dynamics = message.mutable_dynamics();
  dynamics->set_kind(WireValue(spec.dynamics.kind, kKinds));
  dynamics->mutable_hidden_sizes()->Add(spec.dynamics.hidden_sizes.begin(),
                                        spec.dynamics.hidden_sizes.end());
  dynamics->set_activation(WireValue(spec.dynamics.activation, kActivations));
  dynamics->set_has_force(spec.dynamics.has_force);
  dynamics->set_mass(WireValue(spec.dynamics.mass, kMasses));
  dynamics->set_memory_size(spec.dynamics.memory_size);
  dynamics->set_autoencoder_width(spec.dynamics.autoencoder_width);
  if (spec.dynamics.mass == MassKind::kLearned) {
    dynamics->set_mass_epsilon(spec.dynamics.mass_epsilon);
  }
  message.mutable_state_scale()->Add(spec.state_scale.begin(), spec.state_scale.end());
  message.mutable_state_names()->Add(spec.state_names.begin(), spec.state_names.end());
  message.mutable_control_names()->Add(spec.control_names.begin(), spec.control_names.end());
  message.mutable_control_low()->Add(spec.control_low.begin(), spec.control_low.end());
  message.mutable_control_high()->Add(spec.control_high.begin(), spec.control_high.end());
  message.set_reward(spec.reward);
  message.set_termination(spec.termination);
  message.set_golden_tolerance(spec.golden_tolerance);
  message.mutable_data_low()->Add(spec.data_low.begin(), spec.data_low.end());
  message.mutable_data_high()->Add(spec.data_high.begin(), spec.data_high.end());
  message.set_useful_horizon(spec.useful_horizon);
  return message;
}

absl::StatusOr<TransitionModelSpec> ParseModelJson(absl::string_view text) {
  v1::ModelSpec message;
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  try {
    const auto status = google::protobuf::util::JsonStringToMessage(
        google::protobuf::StringPiece(text.data(), text.size()), &message, options);
    if (!status.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("not the JSON of a ModelSpec: ", std::string(status.message())));
    }
  } catch (const std::exception& e) {
    return absl::InvalidArgumentError(absl::StrCat("not the JSON of a ModelSpec: ", e.what()));
  }
  return SpecFromProto(message);
}

std::string WriteModelJson(const TransitionModelSpec& spec) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.add_whitespace = true;
  std::string text;
  // Printing a message to memory has no failure of its own: every field is set from plain values.
  (void)google::protobuf::util::MessageToJsonString(SpecToProto(spec), &text, options);
  return text;
}

}  // namespace rollout
