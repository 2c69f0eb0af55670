#include "tests/support/random_model.h"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

bool HasMass(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
         kind == DynamicsKind::kMechanics;
}

TransitionModelSpec SpecOf(const SpecChoice& choice) {
  TransitionModelSpec spec;
  spec.name = "model";
  spec.num_positions = choice.num_positions;
  spec.num_controls = choice.num_controls;
  spec.angular_positions = choice.angular_positions;
  spec.ignored_positions = choice.ignored_positions;
  spec.transition_dt = choice.transition_dt;
  spec.integrator.method = choice.method;
  spec.integrator.substeps = choice.substeps;
  spec.ensemble_size = choice.ensemble_size;
  spec.dynamics.kind = choice.kind;
  spec.dynamics.hidden_sizes = choice.hidden_sizes;
  spec.dynamics.activation = choice.activation;
  spec.dynamics.has_force = choice.has_force;
  spec.dynamics.mass = choice.mass;
  if (choice.kind == DynamicsKind::kNodeRecurrent) spec.dynamics.memory_size = 5;
  if (choice.kind == DynamicsKind::kPixelHnn) spec.dynamics.autoencoder_width = 8;
  if (HasMass(choice.kind) && choice.mass == MassKind::kNone) {
    spec.dynamics.mass = MassKind::kLearned;
  }
  for (int d = 0; d < spec.state_size(); ++d) spec.state_scale.push_back(0.5f + 0.1f * (d % 7));
  return spec;
}

// Row-major [members, out, in] with `gain` times the spread that keeps a layer's outputs as large
// as its inputs.
void FillWeight(double gain, NamedTensor* tensor, std::mt19937_64* random) {
  const double inputs = static_cast<double>(tensor->shape.back());
  std::normal_distribution<double> normal(0.0, gain / std::sqrt(inputs));
  for (float& x : tensor->data) x = static_cast<float>(normal(*random));
}

void FillUniform(double low, double high, NamedTensor* tensor, std::mt19937_64* random) {
  std::uniform_real_distribution<double> uniform(low, high);
  for (float& x : tensor->data) x = static_cast<float>(uniform(*random));
}

// The last bias of the mass network: diagonal entries of L near 1, so that masses are.
void AddUnitDiagonal(int n, NamedTensor* bias) {
  const int entries = n * (n + 1) / 2;
  for (size_t k = 0; k < bias->data.size(); k += entries) {
    for (int i = 0; i < n; ++i) bias->data[k + i * (i + 3) / 2] += 0.54f;  // softplus(0.54) = 1
  }
}

void Fill(const TransitionModelSpec& spec, NamedTensor* tensor, std::mt19937_64* random) {
  const std::string& name = tensor->name;
  if (name == "input.mean" || name == "output.mean") return FillUniform(-0.2, 0.2, tensor, random);
  if (name == "input.std") return FillUniform(0.5, 1.5, tensor, random);
  if (name == "output.std") return FillUniform(0.5, 1.5, tensor, random);
  const size_t last = spec.dynamics.hidden_sizes.size();
  const bool is_mass = absl::StartsWith(name, "mass.");
  const bool is_last = absl::StrContains(name, absl::StrCat(".", last, "."));
  if (absl::EndsWith(name, ".weight")) {
    const double small = 0.3 / std::sqrt(static_cast<double>(spec.num_positions));
    return FillWeight(is_mass && is_last ? small : 1.0, tensor, random);
  }
  FillUniform(-0.2, 0.2, tensor, random);
  if (is_mass && is_last) AddUnitDiagonal(spec.num_positions, tensor);
}

std::vector<float> Uniform(size_t count, double low, double high, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::uniform_real_distribution<double> uniform(low, high);
  std::vector<float> numbers(count);
  for (float& x : numbers) x = static_cast<float>(uniform(random));
  return numbers;
}

}  // namespace

TransitionModelSpec MakeSpec(const SpecChoice& choice) {
  const TransitionModelSpec spec = SpecOf(choice);
  if (const absl::Status status = ValidateSpec(spec); !status.ok()) {
    std::fprintf(stderr, "MakeSpec: %s\n", status.ToString().c_str());
    std::abort();
  }
  return spec;
}

std::vector<SpecChoice> EverySpecChoice(const SpecChoice& base) {
  std::vector<SpecChoice> choices;
  for (const DynamicsKind kind : {DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn,
                                  DynamicsKind::kHnnNonseparable, DynamicsKind::kMechanics,
                                  DynamicsKind::kHnnCanonical, DynamicsKind::kNodeRecurrent}) {
    for (const IntegratorMethod method :
         {IntegratorMethod::kEuler, IntegratorMethod::kConstantAcceleration,
          IntegratorMethod::kSymplecticEuler, IntegratorMethod::kLeapfrog, IntegratorMethod::kRk4,
          IntegratorMethod::kRk4ThreeEighths, IntegratorMethod::kImplicitMidpoint,
          IntegratorMethod::kDopri5}) {
      for (const MassKind mass : {MassKind::kNone, MassKind::kLearned, MassKind::kIdentity}) {
        if (HasMass(kind) == (mass == MassKind::kNone)) continue;
        for (const bool has_force : {false, true}) {
          for (const bool angles : {false, true}) {
            SpecChoice choice = base;
            choice.kind = kind;
            choice.method = method;
            choice.mass = mass;
            choice.has_force = has_force;
            choice.angular_positions = angles ? std::vector<int>{1} : std::vector<int>{};
            choice.ignored_positions = angles ? std::vector<int>{0} : std::vector<int>{};
            if (ValidateSpec(SpecOf(choice)).ok()) choices.push_back(choice);
          }
        }
      }
    }
  }
  return choices;
}

std::string ChoiceName(const SpecChoice& choice) {
  const TransitionModelSpec spec = SpecOf(choice);
  std::string name = Name(choice.kind);
  if (spec.dynamics.mass != MassKind::kNone) absl::StrAppend(&name, "_", Name(spec.dynamics.mass));
  if (choice.has_force) absl::StrAppend(&name, "_FORCE");
  absl::StrAppend(&name, "_", Name(choice.method));
  if (!choice.angular_positions.empty()) absl::StrAppend(&name, "_ANGLES");
  if (!choice.ignored_positions.empty()) absl::StrAppend(&name, "_IGNORED");
  if (choice.ensemble_size > 1) absl::StrAppend(&name, "_E", choice.ensemble_size);
  return name;
}

TransitionModel RandomModel(const TransitionModelSpec& spec, uint64_t seed) {
  TransitionModel model;
  model.spec = spec;
  std::mt19937_64 random(seed);
  for (const TensorShape& expected : ExpectedTensors(spec)) {
    NamedTensor tensor{expected.name, expected.shape, {}};
    int64_t size = 1;
    for (const int64_t d : tensor.shape) size *= d;
    tensor.data.resize(size);
    Fill(spec, &tensor, &random);
    model.weights.push_back(std::move(tensor));
  }
  return model;
}

std::vector<float> RandomStates(const TransitionModelSpec& spec, int count, uint64_t seed) {
  return Uniform(static_cast<size_t>(count) * spec.state_size(), -0.5, 0.5, seed);
}

std::vector<float> RandomControls(const TransitionModelSpec& spec, int lanes, int horizon,
                                  uint64_t seed) {
  return Uniform(static_cast<size_t>(lanes) * horizon * spec.num_controls, -1.0, 1.0, seed);
}

}  // namespace rollout
