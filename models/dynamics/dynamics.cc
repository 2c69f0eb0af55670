#include "models/dynamics/dynamics.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "models/dynamics/hnn.h"
#include "models/dynamics/hnn_canonical.h"
#include "models/dynamics/mechanics.h"
#include "models/dynamics/node.h"
#include "models/dynamics/node_recurrent.h"

namespace rollout {

absl::StatusOr<std::unique_ptr<Dynamics>> MakeDynamics(const TransitionModelSpec& spec,
                                                       const ModelWeights& weights) {
  for (const TensorShape& expected : ExpectedTensors(spec)) {
    const at::Tensor value = weights.Find(expected.name);
    if (!value.defined() || value.sizes() != at::IntArrayRef(expected.shape)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "model ", spec.name, ": tensor ", expected.name,
          value.defined() ? " has another shape than the specification implies" : " is missing"));
    }
  }
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
      return std::make_unique<Node>(spec, weights);
    case DynamicsKind::kNodeSo:
      return std::make_unique<SecondOrderNode>(spec, weights);
    case DynamicsKind::kHnn:
      return std::make_unique<Hnn>(spec, weights);
    case DynamicsKind::kHnnNonseparable:
      return std::make_unique<HnnNonseparable>(spec, weights);
    case DynamicsKind::kMechanics:
      return std::make_unique<Mechanics>(spec, weights);
    case DynamicsKind::kHnnCanonical:
    case DynamicsKind::kPixelHnn:
      return std::make_unique<HnnCanonical>(spec, weights);
    case DynamicsKind::kNodeRecurrent:
      return std::make_unique<RecurrentNode>(spec, weights);
  }
  return absl::InvalidArgumentError(absl::StrCat("model ", spec.name, ": unknown dynamics kind ",
                                                 static_cast<int>(spec.dynamics.kind)));
}

}  // namespace rollout
