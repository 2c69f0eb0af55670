// Valid transition models of every kind with random weights, and states and controls for them.
#ifndef ROLLOUT_TESTS_SUPPORT_RANDOM_MODEL_H_
#define ROLLOUT_TESTS_SUPPORT_RANDOM_MODEL_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/transition_model.h"

namespace rollout {

// What a test chooses of a spec; the rest follows. The spec made of it has no bounds, names, reward
// or termination: tests set those on it.
struct SpecChoice {
  DynamicsKind kind = DynamicsKind::kNodeSo;
  IntegratorMethod method = IntegratorMethod::kRk4;
  MassKind mass = MassKind::kNone;  // kNone on a kind that has a mass = kLearned
  bool has_force = false;
  int num_positions = 3;
  int num_controls = 2;
  std::vector<int> angular_positions;
  std::vector<int> ignored_positions;
  std::vector<int> hidden_sizes = {16, 16};
  Activation activation = Activation::kTanh;
  int ensemble_size = 1;
  double transition_dt = 0.008;
  int substeps = 8;
};

// A valid spec named "model". A choice that ValidateSpec refuses ends the test program.
TransitionModelSpec MakeSpec(const SpecChoice& choice);

// Every valid combination of kind (but PIXEL_HNN, whose dynamics are those of HNN_CANONICAL),
// integrator, mass, force, and with or without angular and ignored positions; the other fields are
// those of `base`.
std::vector<SpecChoice> EverySpecChoice(const SpecChoice& base = {});

// "HNN_LEARNED_FORCE_LEAPFROG_ANGLES": letters, digits and underscores, to name a parametrised
// test.
std::string ChoiceName(const SpecChoice& choice);

// A model with weights of the size that training leaves: rollouts from RandomStates under
// RandomControls move visibly and stay finite and moderate for 200 transitions of 8 substeps, with
// every kind and activation. The same spec and seed give the same bits.
TransitionModel RandomModel(const TransitionModelSpec& spec, uint64_t seed);

// [count, 2n], uniform in [-0.5, 0.5].
std::vector<float> RandomStates(const TransitionModelSpec& spec, int count, uint64_t seed);
// [lanes, horizon, nu], uniform in [-1, 1].
std::vector<float> RandomControls(const TransitionModelSpec& spec, int lanes, int horizon,
                                  uint64_t seed);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SUPPORT_RANDOM_MODEL_H_
