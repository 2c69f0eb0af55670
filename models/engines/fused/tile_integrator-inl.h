// Transitions of all lanes of a tile: ScalarKernel over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_INTEGRATOR_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_INTEGRATOR_INL_H_
#undef ROLLOUT_FUSED_TILE_INTEGRATOR_INL_H_
#else
#define ROLLOUT_FUSED_TILE_INTEGRATOR_INL_H_
#endif

#include "models/engines/fused/lane_copies-inl.h"
#include "models/engines/fused/tile_dynamics-inl.h"
#include "models/engines/fused/transition_kernel.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Owned by one thread. Its arrays hold n numbers of every lane of a tile. Dynamics are TileDynamics
// or something that wraps them.
template <class Tile, class Dynamics = TileDynamics<Tile>>
class TileIntegrator {
 public:
  TileIntegrator(const PackedModel& packed, Arena& arena)
      : model_(*packed.model), n_(model_.num_positions), dynamics_(packed, arena) {
    const size_t size = Tile::Size(n_);
    for (float** array : {&q_, &p_, &q_residual_, &p_residual_, &dq_, &dp_}) {
      *array = arena.Take(size);
    }
    if (model_.method == IntegratorMethod::kRk4 ||
        model_.method == IntegratorMethod::kRk4ThreeEighths) {
      stage_q_ = arena.Take(size);
      stage_p_ = arena.Take(size);
      for (int i = 0; i < 3; ++i) {
        stage_dq_[i] = arena.Take(size);
        stage_dp_[i] = arena.Take(size);
      }
    }
  }

  Dynamics& dynamics() { return dynamics_; }

  // Takes the lanes of `batch` from `first` on, as many as the tile holds, one transition further.
  // Returns how many.
  int Advance(int member, const LaneBatch& batch, int first) {
    const int lanes = std::min(batch.lanes - first, Tile::kLanes);
    const size_t offset = size_t(first) * 2 * n_;
    LoadHalves(batch.states + offset, lanes, q_, p_);
    LoadHalves(batch.residuals + offset, lanes, q_residual_, p_residual_);
    dynamics_.Begin(member, batch.controls + first, lanes);
    for (int substep = 0; substep < model_.substeps; ++substep) Substep();
    StoreHalves(q_, p_, lanes, batch.states + offset);
    StoreHalves(q_residual_, p_residual_, lanes, batch.residuals + offset);
    if (batch.velocities != nullptr) {
      dynamics_.Velocity(q_, p_, dq_);
      StoreLanes(Tile(), dq_, n_, lanes, batch.velocities + size_t(first) * n_, n_);
    }
    return lanes;
  }

 private:
  // Rows of 2n numbers, the first n to or from one array, the others the one that follows it.
  void LoadHalves(const float* from, int lanes, float* first, [[maybe_unused]] float* second) {
    if constexpr (Tile::kArraysJoin) {
      LoadLanes(Tile(), from, 2 * n_, 2 * n_, lanes, first);
    } else {
      LoadLanes(Tile(), from, 2 * n_, n_, lanes, first);
      LoadLanes(Tile(), from + n_, 2 * n_, n_, lanes, second);
    }
  }

  void StoreHalves(const float* first, [[maybe_unused]] const float* second, int lanes, float* to) {
    if constexpr (Tile::kArraysJoin) {
      StoreLanes(Tile(), first, 2 * n_, lanes, to, 2 * n_);
    } else {
      StoreLanes(Tile(), first, n_, lanes, to, 2 * n_);
      StoreLanes(Tile(), second, n_, lanes, to + n_, 2 * n_);
    }
  }

  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }

  // sum += factor * rate, exactly: what rounding cuts off goes to `residual` and comes back with
  // the next term (Knuth's two-sum).
  void AddCompensated(float factor, const float* rate, float* sum, float* residual) {
    const FloatVec scale = hn::Set(d_, factor);
    for (int i = 0; i < Tile::Vectors(n_); ++i) {
      const FloatVec old = At(sum, i);
      const FloatVec addend = hn::MulAdd(scale, At(rate, i), At(residual, i));
      const FloatVec total = hn::Add(old, addend);
      const FloatVec virtual_addend = hn::Sub(total, old);
      const FloatVec lost =
          hn::Add(hn::Sub(old, hn::Sub(total, virtual_addend)), hn::Sub(addend, virtual_addend));
      hn::Store(total, d_, sum + i * kVectorLanes);
      hn::Store(lost, d_, residual + i * kVectorLanes);
    }
  }

  void AddToPositions(float factor) { AddCompensated(factor, dq_, q_, q_residual_); }
  void AddToMomenta(float factor) { AddCompensated(factor, dp_, p_, p_residual_); }

  void Substep() {
    const float h = model_.step;
    switch (model_.method) {
      case IntegratorMethod::kEuler:
        dynamics_.Rates(q_, p_, dq_, dp_);
        AddToPositions(h);
        AddToMomenta(h);
        return;
      case IntegratorMethod::kConstantAcceleration:
        dynamics_.MomentumRate(q_, p_, dp_);
        AddScaled(p_, 0.5f * h, dp_, dq_);
        AddToPositions(h);
        AddToMomenta(h);
        return;
      case IntegratorMethod::kSymplecticEuler:
        dynamics_.MomentumRate(q_, p_, dp_);
        AddToMomenta(h);
        dynamics_.PositionRate(q_, p_, dq_);
        AddToPositions(h);
        return;
      case IntegratorMethod::kLeapfrog:
        dynamics_.MomentumRate(q_, p_, dp_);
        AddToMomenta(0.5f * h);
        dynamics_.PositionRate(q_, p_, dq_);
        AddToPositions(h);
        dynamics_.MomentumRate(q_, p_, dp_);
        AddToMomenta(0.5f * h);
        return;
      case IntegratorMethod::kRk4:
        RungeKutta4();
        return;
      case IntegratorMethod::kRk4ThreeEighths:
        RungeKutta4ThreeEighths();
        return;
      case IntegratorMethod::kImplicitMidpoint:
      case IntegratorMethod::kDopri5:
        return;  // MakeFusedModel refuses them
    }
  }

  // out = base + factor * rate.
  void AddScaled(const float* base, float factor, const float* rate, float* out) {
    const FloatVec scale = hn::Set(d_, factor);
    for (int i = 0; i < Tile::Vectors(n_); ++i) {
      hn::Store(hn::MulAdd(scale, At(rate, i), At(base, i)), d_, out + i * kVectorLanes);
    }
  }

  // k1 = k1 + weight (k2 + k3) + k4.
  void Combine(float weight, float* k1, float* const* k234) {
    const FloatVec scale = hn::Set(d_, weight);
    for (int i = 0; i < Tile::Vectors(n_); ++i) {
      const FloatVec middle = hn::Add(At(k234[0], i), At(k234[1], i));
      hn::Store(hn::MulAdd(scale, middle, hn::Add(At(k1, i), At(k234[2], i))), d_,
                k1 + i * kVectorLanes);
    }
  }

  void RungeKutta4() {
    const float h = model_.step;
    const float factors[3] = {0.5f * h, 0.5f * h, h};
    dynamics_.Rates(q_, p_, dq_, dp_);
    for (int i = 0; i < 3; ++i) {
      AddScaled(q_, factors[i], i == 0 ? dq_ : stage_dq_[i - 1], stage_q_);
      AddScaled(p_, factors[i], i == 0 ? dp_ : stage_dp_[i - 1], stage_p_);
      dynamics_.Rates(stage_q_, stage_p_, stage_dq_[i], stage_dp_[i]);
    }
    Combine(2.0f, dq_, stage_dq_);
    Combine(2.0f, dp_, stage_dp_);
    AddToPositions(h / 6.0f);
    AddToMomenta(h / 6.0f);
  }

  void RungeKutta4ThreeEighths() {
    const float h = model_.step;
    dynamics_.Rates(q_, p_, dq_, dp_);
    AddScaled(q_, h / 3.0f, dq_, stage_q_);
    AddScaled(p_, h / 3.0f, dp_, stage_p_);
    dynamics_.Rates(stage_q_, stage_p_, stage_dq_[0], stage_dp_[0]);
    AddScaled(q_, -h / 3.0f, dq_, stage_q_);
    AddScaled(p_, -h / 3.0f, dp_, stage_p_);
    AddScaled(stage_q_, h, stage_dq_[0], stage_q_);
    AddScaled(stage_p_, h, stage_dp_[0], stage_p_);
    dynamics_.Rates(stage_q_, stage_p_, stage_dq_[1], stage_dp_[1]);
    AddScaled(q_, h, dq_, stage_q_);
    AddScaled(p_, h, dp_, stage_p_);
    AddScaled(stage_q_, -h, stage_dq_[0], stage_q_);
    AddScaled(stage_p_, -h, stage_dp_[0], stage_p_);
    AddScaled(stage_q_, h, stage_dq_[1], stage_q_);
    AddScaled(stage_p_, h, stage_dp_[1], stage_p_);
    dynamics_.Rates(stage_q_, stage_p_, stage_dq_[2], stage_dp_[2]);
    Combine(3.0f, dq_, stage_dq_);
    Combine(3.0f, dp_, stage_dp_);
    AddToPositions(0.125f * h);
    AddToMomenta(0.125f * h);
  }

  const FloatTag d_{};
  const FusedModel& model_;
  const int n_;
  Dynamics dynamics_;
  float *q_ = nullptr, *p_ = nullptr, *q_residual_ = nullptr, *p_residual_ = nullptr;
  float *dq_ = nullptr, *dp_ = nullptr, *stage_q_ = nullptr, *stage_p_ = nullptr;
  float* stage_dq_[3] = {nullptr, nullptr, nullptr};  // k2, k3, k4
  float* stage_dp_[3] = {nullptr, nullptr, nullptr};
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
