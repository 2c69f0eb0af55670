// dz/dt of all lanes of a tile, keeping of each evaluation what its way back needs.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_RECORDING_DYNAMICS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_RECORDING_DYNAMICS_INL_H_
#undef ROLLOUT_FUSED_RECORDING_DYNAMICS_INL_H_
#else
#define ROLLOUT_FUSED_RECORDING_DYNAMICS_INL_H_
#endif

#include <algorithm>

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/tile_dynamics-inl.h"
#include "models/engines/fused/tile_dynamics_vjp-inl.h"
#include "models/engines/fused/tiles-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// What is kept of an evaluation, and how much it is: (q, p), and for the kinds whose mlp takes most
// of the time its hidden layers. HNN's networks are computed once more: their tangents take as
// long, and three networks' layers would be three times the memory.
template <class Tile>
struct RecordLayout {
  explicit RecordLayout(const PackedModel& packed) {
    const FusedModel& model = *packed.model;
    state = Tile::Size(model.num_positions);
    if (model.has_mlp() && model.kind != DynamicsKind::kHnn) {
      hidden = TileNetworkVjp<Tile>::RecordSize(packed.members[0].mlp.layers);
    }
    has_position_rates = model.learned_mass;
    // In the order of TileIntegrator::Substep.
    size_t substep = 0;
    switch (model.method) {
      case IntegratorMethod::kSymplecticEuler:
        substep = evaluation() + position_rate();
        break;
      case IntegratorMethod::kLeapfrog:
        substep = 2 * evaluation() + position_rate();
        break;
      case IntegratorMethod::kRk4:
      case IntegratorMethod::kRk4ThreeEighths:
        substep = 4 * evaluation();
        break;
      default:
        substep = evaluation();
    }
    // The velocity at the end is one more.
    transition = substep * static_cast<size_t>(model.substeps) + position_rate();
  }

  size_t evaluation() const { return 2 * state + hidden; }
  size_t position_rate() const { return has_position_rates ? 2 * state : 0; }

  size_t state = 0;   // numbers of q, and of p
  size_t hidden = 0;  // numbers of all hidden layers; 0 = not kept
  bool has_position_rates = false;
  size_t transition = 0;
};

// As TileDynamics, with the same bits. Owned by one thread.
template <class Tile>
class RecordingDynamics {
 public:
  RecordingDynamics(const PackedModel& packed, Arena& arena)
      : layout_(packed),
        is_node_(packed.model->kind == DynamicsKind::kNode),
        dynamics_(packed, arena, /*records_hidden=*/true) {}

  // Where evaluations go from now on, one after another; nullptr: nowhere.
  void RecordTo(float* record) { record_ = record; }

  void Begin(int member, const float* const* controls, int lanes) {
    dynamics_.Begin(member, controls, lanes);
  }
  void Rates(const float* q, const float* p, float* dq, float* dp) {
    if (is_node_) {
      Keep(q, p);
      KeepHidden();
      dynamics_.Rates(q, p, dq, dp);
      return;
    }
    // As TileDynamics does it.
    MomentumRate(q, p, dp);
    dynamics_.PositionRate(q, p, dq);
  }
  void MomentumRate(const float* q, const float* p, float* dp) {
    Keep(q, p);
    KeepHidden();
    dynamics_.MomentumRate(q, p, dp);
  }
  void PositionRate(const float* q, const float* p, float* dq) {
    if (layout_.has_position_rates) Keep(q, p);
    dynamics_.PositionRate(q, p, dq);
  }
  void Velocity(const float* q, const float* p, float* v) {
    if (layout_.has_position_rates) Keep(q, p);
    dynamics_.Velocity(q, p, v);
  }

 private:
  void Keep(const float* q, const float* p) {
    if (record_ == nullptr) return;
    std::copy_n(q, layout_.state, record_);
    std::copy_n(p, layout_.state, record_ + layout_.state);
    record_ += 2 * layout_.state;
  }
  // The next evaluation's.
  void KeepHidden() {
    const bool kept = record_ != nullptr && layout_.hidden > 0;
    dynamics_.RecordHiddenTo(kept ? record_ : nullptr);
    if (kept) record_ += layout_.hidden;
  }

  const RecordLayout<Tile> layout_;
  const bool is_node_;
  TileDynamics<Tile> dynamics_;
  float* record_ = nullptr;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
