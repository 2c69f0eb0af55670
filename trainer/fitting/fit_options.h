// What a fit can be told.
#ifndef ROLLOUT_TRAINER_FITTING_FIT_OPTIONS_H_
#define ROLLOUT_TRAINER_FITTING_FIT_OPTIONS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/transition_model.h"
#include "trainer/fitting/loss_norm.h"

namespace rollout {

// Defaults are the protocol of Gruver et al. (2022), appendix C: windows of 3 states, 8 substeps,
// networks of 2 x 128 tanh, Adam, batches of 200, weight decay 1e-4, the learning rate falling from
// 2e-4 to 1e-6 along a cosine.
struct FitOptions {
  std::string name;  // of the model
  DynamicsSpec dynamics{.kind = DynamicsKind::kNodeSo, .hidden_sizes = {128, 128}};
  // CONSTANT_ACCELERATION for NODE_SO (what the paper's code calls Euler there), else EULER.
  IntegratorSpec integrator{.method = IntegratorMethod::kConstantAcceleration, .substeps = 8};
  int ensemble_size = 1;  // each member with its own initialisation and bootstrap of episodes

  int window_states = 3;    // >= 2
  int64_t max_windows = 0;  // a random choice of so many windows; 0 = all
  int64_t batch = 200;      // windows of one optimiser step
  int64_t steps = 15000;    // optimiser steps
  double learning_rate = 2e-4;
  double final_learning_rate = 1e-6;
  double weight_decay = 1e-4;
  bool decoupled_weight_decay = false;  // of the parameters instead of in the gradient (AdamW)
  double gradient_clip = 1.0;           // largest norm of each member's gradient; 0 = none
  LossNorm norm = LossNorm::kL2;        // of errors in the loss
  // Of the symplectic regulariser, which keeps MECHANICS near the field of some Hamiltonian; such a
  // fit goes through autograd twice, which takes several times as long. 0 = none.
  double symplectic_weight = 0.0;
  uint64_t seed = 0;
};

// The integrator that a fit of `kind` takes unless told otherwise.
IntegratorMethod DefaultIntegrator(DynamicsKind kind);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_FIT_OPTIONS_H_
