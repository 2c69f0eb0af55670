#include "trainer/fitting/recorded_dynamics.h"

#include "trainer/fitting/recorded_mechanics.h"
#include "trainer/fitting/recorded_node.h"

namespace rollout {

template <typename Real>
std::unique_ptr<RecordedDynamics<Real>> MakeRecordedDynamics(const ModelParameters& model,
                                                             int64_t slots, int64_t batch) {
  const DynamicsKind kind = model.spec().dynamics.kind;
  if (kind == DynamicsKind::kNode || kind == DynamicsKind::kNodeSo) {
    return std::make_unique<RecordedNode<Real>>(model, slots, batch);
  }
  return std::make_unique<RecordedMechanics<Real>>(model, slots, batch);
}

template std::unique_ptr<RecordedDynamics<float>> MakeRecordedDynamics<float>(
    const ModelParameters&, int64_t, int64_t);
template std::unique_ptr<RecordedDynamics<double>> MakeRecordedDynamics<double>(
    const ModelParameters&, int64_t, int64_t);

}  // namespace rollout
