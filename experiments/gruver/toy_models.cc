#include "experiments/gruver/toy_models.h"

namespace rollout {
namespace {

ToyModel Regularised(const char* name, double weight) {
  ToyModel model = kNodeSo;
  model.name = name;
  model.symplectic_weight = weight;
  return model;
}

ToyModel WithL1(const char* name, ToyModel model) {
  model.name = name;
  model.norm = LossNorm::kL1;
  return model;
}

}  // namespace

std::vector<ToyModel> RegularisedModels() {
  return {Regularised("NODE+SO, weight 1e-6", 1e-6), Regularised("NODE+SO, weight 1e-4", 1e-4),
          Regularised("NODE+SO, weight 1e-2", 1e-2), Regularised("NODE+SO, weight 1", 1.0)};
}

std::vector<ToyModel> L1Models() {
  return {WithL1("NODE, L1", kNode), WithL1("NODE+SO, L1", kNodeSo), WithL1("HNN, L1", kHnn)};
}

}  // namespace rollout
