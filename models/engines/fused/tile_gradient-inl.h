// Transitions of all lanes of a tile, there and back: ScalarGradientKernel over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_GRADIENT_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_GRADIENT_INL_H_
#undef ROLLOUT_FUSED_TILE_GRADIENT_INL_H_
#else
#define ROLLOUT_FUSED_TILE_GRADIENT_INL_H_
#endif

#include <algorithm>

#include "models/engines/fused/gradient_kernel.h"
#include "models/engines/fused/lane_copies-inl.h"
#include "models/engines/fused/recording_dynamics-inl.h"
#include "models/engines/fused/tile_dynamics_vjp-inl.h"
#include "models/engines/fused/tile_integrator-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Owned by one thread. Its arrays hold n numbers of every lane of a tile.
template <class Tile>
class TileGradient {
 public:
  TileGradient(const PackedModel& packed, Arena& arena)
      : model_(*packed.model),
        n_(model_.num_positions),
        layout_(packed),
        integrator_(packed, arena),
        vjp_(packed, arena) {
    for (float** array : {&by_q_, &by_p_, &by_dq_, &by_dp_}) {
      *array = arena.Take(Tile::Size(n_));
    }
    for (int i = 0; i < 4; ++i) {
      by_stage_q_[i] = arena.Take(Tile::Size(n_));
      by_stage_p_[i] = arena.Take(Tile::Size(n_));
    }
  }

  // Numbers of the record of one transition.
  size_t record_size() const { return layout_.transition; }

  // Takes the lanes of `batch` from `first` on, as many as the tile holds, one transition further.
  // Returns how many.
  int Advance(int member, const LaneBatch& batch, int first, float* record) {
    integrator_.dynamics().RecordTo(record);
    return integrator_.Advance(member, batch, first);
  }

  // Takes lanes [first, first + lanes), at most Tile::kLanes, back through the recorded transition.
  void PullBack(int member, const float* const* controls, int first, int lanes, const float* record,
                const CotangentBatch& cotangents) {
    float* states = cotangents.states + size_t(first) * 2 * n_;
    LoadLanes(Tile(), states, 2 * n_, n_, lanes, by_q_);
    LoadLanes(Tile(), states + n_, 2 * n_, n_, lanes, by_p_);
    vjp_.Begin(member, controls + first, lanes);
    record_ = record + layout_.transition;
    if (cotangents.velocities != nullptr) {
      LoadLanes(Tile(), cotangents.velocities + size_t(first) * n_, n_, n_, lanes, by_dq_);
      AddPositionRate();
    }
    for (int substep = model_.substeps; substep-- > 0;) SubstepBack();
    StoreLanes(Tile(), by_q_, n_, lanes, states, 2 * n_);
    StoreLanes(Tile(), by_p_, n_, lanes, states + n_, 2 * n_);
    StoreLanes(Tile(), vjp_.FinishControls(), model_.num_controls, lanes,
               cotangents.controls + size_t(first) * model_.num_controls, model_.num_controls);
  }

 private:
  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }

  // out = factor * in.
  void Scale(float factor, const float* in, float* out) {
    const FloatVec scale = hn::Set(d_, factor);
    for (int i = 0; i < Tile::Vectors(n_); ++i) {
      hn::Store(hn::Mul(scale, At(in, i)), d_, out + i * kVectorLanes);
    }
  }

  // sum += factor * addend.
  void Add(float factor, const float* addend, float* sum) {
    const FloatVec scale = hn::Set(d_, factor);
    for (int i = 0; i < Tile::Vectors(n_); ++i) {
      hn::Store(hn::MulAdd(scale, At(addend, i), At(sum, i)), d_, sum + i * kVectorLanes);
    }
  }

  // The evaluation before the one taken last.
  EvaluationRecord TakeEvaluation() {
    record_ -= layout_.evaluation();
    return {record_, record_ + layout_.state,
            layout_.hidden == 0 ? nullptr : record_ + 2 * layout_.state,
            static_cast<ptrdiff_t>(layout_.evaluation())};
  }

  // (by_q, by_p) += J' (by_dq_, by_dp_), or of one of the rates alone.
  void AddMomentumRate() {
    vjp_.PullBack(TakeEvaluation(), nullptr, by_dp_, by_stage_q_[0], by_stage_p_[0]);
    Add(1.0f, by_stage_q_[0], by_q_);
    Add(1.0f, by_stage_p_[0], by_p_);
  }
  void AddPositionRate() {
    if (!layout_.has_position_rates) {  // dq = p
      Add(1.0f, by_dq_, by_p_);
      return;
    }
    record_ -= layout_.position_rate();
    vjp_.PullBack({record_, record_ + layout_.state, nullptr}, by_dq_, nullptr, by_stage_q_[0],
                  by_stage_p_[0]);
    Add(1.0f, by_stage_q_[0], by_q_);
    Add(1.0f, by_stage_p_[0], by_p_);
  }

  void SubstepBack() {
    const float h = model_.step;
    switch (model_.method) {
      case IntegratorMethod::kEuler:
        Scale(h, by_q_, by_dq_);
        Scale(h, by_p_, by_dp_);
        vjp_.PullBack(TakeEvaluation(), by_dq_, by_dp_, by_stage_q_[0], by_stage_p_[0]);
        Add(1.0f, by_stage_q_[0], by_q_);
        Add(1.0f, by_stage_p_[0], by_p_);
        return;
      case IntegratorMethod::kConstantAcceleration:
        Scale(h, by_p_, by_dp_);
        Add(0.5f * h * h, by_q_, by_dp_);
        Add(h, by_q_, by_p_);
        AddMomentumRate();
        return;
      case IntegratorMethod::kSymplecticEuler:
        Scale(h, by_q_, by_dq_);
        AddPositionRate();
        Scale(h, by_p_, by_dp_);
        AddMomentumRate();
        return;
      case IntegratorMethod::kLeapfrog:
        Scale(0.5f * h, by_p_, by_dp_);
        AddMomentumRate();
        Scale(h, by_q_, by_dq_);
        AddPositionRate();
        Scale(0.5f * h, by_p_, by_dp_);
        AddMomentumRate();
        return;
      case IntegratorMethod::kRk4:
        RungeKuttaBack({{0, 0, 0}, {0.5f, 0, 0}, {0, 0.5f, 0}, {0, 0, 1}},
                       {1.0f / 6, 1.0f / 3, 1.0f / 3, 1.0f / 6});
        return;
      case IntegratorMethod::kRk4ThreeEighths:
        RungeKuttaBack({{0, 0, 0}, {1.0f / 3, 0, 0}, {-1.0f / 3, 1, 0}, {1, -1, 1}},
                       {0.125f, 0.375f, 0.375f, 0.125f});
        return;
      case IntegratorMethod::kImplicitMidpoint:
      case IntegratorMethod::kDopri5:
        return;  // MakeFusedModel refuses them
    }
  }

  // See ScalarGradientKernel::RungeKuttaBack.
  void RungeKuttaBack(const float (&stages)[4][3], const float (&weights)[4]) {
    const float h = model_.step;
    for (int i = 4; i-- > 0;) {
      Scale(h * weights[i], by_q_, by_dq_);
      Scale(h * weights[i], by_p_, by_dp_);
      for (int j = i + 1; j < 4; ++j) {
        if (stages[j][i] == 0.0f) continue;
        Add(h * stages[j][i], by_stage_q_[j], by_dq_);
        Add(h * stages[j][i], by_stage_p_[j], by_dp_);
      }
      vjp_.PullBack(TakeEvaluation(), by_dq_, by_dp_, by_stage_q_[i], by_stage_p_[i]);
    }
    for (int i = 0; i < 4; ++i) {
      Add(1.0f, by_stage_q_[i], by_q_);
      Add(1.0f, by_stage_p_[i], by_p_);
    }
  }

  const FloatTag d_{};
  const FusedModel& model_;
  const int n_;
  const RecordLayout<Tile> layout_;
  TileIntegrator<Tile, RecordingDynamics<Tile>> integrator_;
  TileDynamicsVjp<Tile> vjp_;
  const float* record_ = nullptr;  // evaluations before it are still to be taken back
  float *by_q_ = nullptr, *by_p_ = nullptr, *by_dq_ = nullptr, *by_dp_ = nullptr;
  float* by_stage_q_[4] = {nullptr, nullptr, nullptr, nullptr};
  float* by_stage_p_[4] = {nullptr, nullptr, nullptr, nullptr};
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
