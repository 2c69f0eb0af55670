// The models that comparisons on mechanical systems are between.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_TOY_MODELS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_TOY_MODELS_H_

#include <vector>

#include "models/transition_model.h"
#include "trainer/fitting/loss_norm.h"

namespace rollout {

// The paper's names. NODE+SO is what it calls MechanicsNN: a learned mass and dq/dt = M^-1 p.
struct ToyModel {
  const char* name;
  DynamicsKind kind;
  bool has_force;
  LossNorm norm = LossNorm::kL2;
  double symplectic_weight = 0.0;  // of the regulariser of NODE+SO
};
inline constexpr ToyModel kNode = {"NODE", DynamicsKind::kNode, false};
inline constexpr ToyModel kNodeSo = {"NODE+SO", DynamicsKind::kMechanics, false};
inline constexpr ToyModel kHnn = {"HNN", DynamicsKind::kHnn, false};
inline constexpr ToyModel kHnnWithoutSo = {"HNN without SO", DynamicsKind::kHnnNonseparable, false};
inline constexpr ToyModel kSymOden = {"SymODEN", DynamicsKind::kHnn, true};

// NODE+SO with the symplectic regulariser, by weight from 1e-6 to 1.
std::vector<ToyModel> RegularisedModels();

// NODE, NODE+SO and HNN with absolute errors in the loss: "NODE, L1".
std::vector<ToyModel> L1Models();

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_TOY_MODELS_H_
