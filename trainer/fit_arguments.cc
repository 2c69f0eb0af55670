#include "trainer/fit_arguments.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "base/command_line.h"

namespace rollout {
namespace {

template <typename Enum>
using Named = std::vector<std::pair<const char*, Enum>>;

template <typename Enum>
Named<Enum> AllOf(std::initializer_list<Enum> values) {
  Named<Enum> named;
  for (const Enum value : values) named.emplace_back(Name(value), value);
  return named;
}

template <typename Enum>
absl::StatusOr<Enum> Find(const char* option, const std::string& name, const Named<Enum>& known) {
  std::vector<std::string> names;
  for (const auto& [text, value] : known) {
    if (name == text) return value;
    names.push_back(text);
  }
  return absl::InvalidArgumentError(
      absl::StrCat(option, ": found ", name, ", expected one of ", absl::StrJoin(names, ", ")));
}

bool HasMass(DynamicsKind kind) {
  return kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
         kind == DynamicsKind::kMechanics;
}

}  // namespace

void AddFitArguments(CLI::App& command, FitArguments* arguments) {
  FitOptions& options = arguments->options;
  command
      .add_option("--kind", arguments->kind,
                  "NODE, NODE_SO, HNN, HNN_NONSEPARABLE, MECHANICS, "
                  "HNN_CANONICAL, NODE_RECURRENT")
      ->capture_default_str();
  command.add_option("--hidden-sizes", arguments->hidden_sizes, "Of every network")
      ->delimiter(',')
      ->capture_default_str();
  command.add_option("--activation", arguments->activation, "TANH, RELU, SILU, SOFTPLUS")
      ->capture_default_str();
  command.add_option("--integrator", arguments->integrator,
                     "EULER, CONSTANT_ACCELERATION, SYMPLECTIC_EULER, LEAPFROG, RK4, RK4_38; by "
                     "default CONSTANT_ACCELERATION for NODE_SO, else EULER");
  command.add_option("--substeps", arguments->substeps, "Of each transition")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command.add_option("--ensemble", arguments->ensemble_size, "Members, fitted together")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command.add_option("--mass", arguments->mass, "LEARNED or IDENTITY, for kinds that have a mass")
      ->check(CLI::IsMember({"LEARNED", "IDENTITY"}))
      ->capture_default_str();
  command.add_flag("--without-force", arguments->without_force,
                   "A Hamiltonian kind that controls do not move");
  command
      .add_option("--memory-size", arguments->memory_size,
                  "Numbers that a rollout of NODE_RECURRENT remembers")
      ->check(CLI::Range(1, 8192))
      ->capture_default_str();
  command.add_option("--norm", arguments->norm, "Of errors in the loss: L2 or L1")
      ->check(CLI::IsMember({"L2", "L1"}))
      ->capture_default_str();
  command
      .add_option("--symplectic-weight", options.symplectic_weight,
                  "Of the symplectic regulariser of MECHANICS; 0 = none")
      ->check(NumberOfAtLeast(0))
      ->capture_default_str();
  command.add_option("--steps", options.steps, "Optimiser steps")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command.add_option("--batch", options.batch, "Windows of each step")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command.add_option("--window-states", options.window_states, "States of each window")
      ->check(CLI::Range(2, 1000))
      ->capture_default_str();
  command.add_option("--max-windows", options.max_windows, "A random choice of so many; 0 = all")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command.add_option("--learning-rate", options.learning_rate, "Of Adam, where the cosine begins")
      ->check(NumberAbove(0))
      ->capture_default_str();
  command.add_option("--final-learning-rate", options.final_learning_rate, "Where the cosine ends")
      ->check(NumberOfAtLeast(0))
      ->capture_default_str();
  command.add_option("--weight-decay", options.weight_decay, "Of every weight (L2)")
      ->check(NumberOfAtLeast(0))
      ->capture_default_str();
  command.add_option("--gradient-clip", options.gradient_clip, "Largest norm; 0 = none")
      ->check(NumberOfAtLeast(0))
      ->capture_default_str();
  command.add_option("--seed", options.seed, "Of initial weights and of the windows drawn")
      ->capture_default_str();
  command
      .add_option("--test-fraction", arguments->test_fraction,
                  "Of the episodes, held out by the hash of dataset and episode")
      ->check(CLI::Range(0.0, 1.0))
      ->capture_default_str();
  command
      .add_option("--max-training-episodes", arguments->max_training_episodes,
                  "Learn from so few only; 0 = all")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command
      .add_option("--evaluation-stride", arguments->evaluation.stride,
                  "Steps between the starts of held-out windows")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
}

absl::StatusOr<FitOptions> ResolveFitOptions(const FitArguments& arguments,
                                             const std::string& model_name) {
  FitOptions options = arguments.options;
  options.name = model_name;
  const auto kind = Find("--kind", arguments.kind,
                         AllOf({DynamicsKind::kNode, DynamicsKind::kNodeSo, DynamicsKind::kHnn,
                                DynamicsKind::kHnnNonseparable, DynamicsKind::kMechanics,
                                DynamicsKind::kHnnCanonical, DynamicsKind::kNodeRecurrent}));
  if (!kind.ok()) return kind.status();
  options.dynamics.kind = *kind;
  options.dynamics.hidden_sizes = arguments.hidden_sizes;
  const auto activation =
      Find("--activation", arguments.activation,
           AllOf({Activation::kTanh, Activation::kRelu, Activation::kSilu, Activation::kSoftplus}));
  if (!activation.ok()) return activation.status();
  options.dynamics.activation = *activation;
  if (HasMass(*kind)) {
    options.dynamics.mass = arguments.mass == "IDENTITY" ? MassKind::kIdentity : MassKind::kLearned;
    options.dynamics.has_force = *kind != DynamicsKind::kMechanics && !arguments.without_force;
  }
  if (*kind == DynamicsKind::kNodeRecurrent) {
    options.dynamics.memory_size = arguments.memory_size;
  }
  options.norm = arguments.norm == "L1" ? LossNorm::kL1 : LossNorm::kL2;
  options.integrator.substeps = arguments.substeps;
  options.integrator.method = DefaultIntegrator(*kind);
  if (!arguments.integrator.empty()) {
    const auto method =
        Find("--integrator", arguments.integrator,
             AllOf({IntegratorMethod::kEuler, IntegratorMethod::kConstantAcceleration,
                    IntegratorMethod::kSymplecticEuler, IntegratorMethod::kLeapfrog,
                    IntegratorMethod::kRk4, IntegratorMethod::kRk4ThreeEighths}));
    if (!method.ok()) return method.status();
    options.integrator.method = *method;
  }
  options.ensemble_size = arguments.ensemble_size;
  return options;
}

std::string CommandLine() {
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(file), {});
  std::vector<std::string> words = absl::StrSplit(bytes, '\0', absl::SkipEmpty());
  if (!words.empty()) words[0] = std::filesystem::path(words[0]).filename();
  return absl::StrJoin(words, " ");
}

}  // namespace rollout
