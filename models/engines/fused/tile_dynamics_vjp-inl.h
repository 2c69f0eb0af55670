// Cotangents of dz/dt on their way back for all lanes of a tile: ScalarDynamicsVjp over again, in
// vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_DYNAMICS_VJP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_DYNAMICS_VJP_INL_H_
#undef ROLLOUT_FUSED_TILE_DYNAMICS_VJP_INL_H_
#else
#define ROLLOUT_FUSED_TILE_DYNAMICS_VJP_INL_H_
#endif

#include <algorithm>
#include <optional>

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tile_mass_vjp-inl.h"
#include "models/engines/fused/tile_network_vjp-inl.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// One evaluation of the dynamics as RecordingDynamics left it.
struct EvaluationRecord {
  const float* q = nullptr;       // [n]
  const float* p = nullptr;       // [n]
  const float* hidden = nullptr;  // of the mlp; nullptr where it is computed once more
  ptrdiff_t step = 0;             // numbers from it back to the record that is wanted next
};

// Owned by one thread. Arrays hold their numbers of every lane; q, p and cotangents of them n.
template <class Tile>
class TileDynamicsVjp {
 public:
  TileDynamicsVjp(const PackedModel& packed, Arena& arena)
      : packed_(packed),
        model_(*packed.model),
        n_(model_.num_positions),
        angles_(static_cast<int>(model_.angular_positions.size())),
        is_hnn_(model_.kind == DynamicsKind::kHnn),
        member_(&packed.members[0]) {
    const int features = model_.num_features;
    for (float** array : {&features_, &by_features_, &by_mass_features_}) {
      *array = arena.Take(Tile::Size(features));
    }
    by_velocity_ = arena.Take(Tile::Size(n_));
    by_controls_ = arena.Take(Tile::Size(model_.num_controls));
    if (is_hnn_) {
      for (float** array : {&feature_tangents_, &by_feature_tangents_, &by_mass_tangents_}) {
        *array = arena.Take(Tile::Size(features));
      }
      potential_.emplace(member_->potential.layers, model_.activation, true, arena);
    }
    if (model_.learned_mass) mass_.emplace(model_, member_->mass, is_hnn_, arena);
    if (!model_.has_mlp()) return;
    mlp_.emplace(member_->mlp.layers, model_.activation, false, arena);
    for (float** array : {&inputs_, &by_inputs_}) {
      *array = arena.Take(Tile::Size(model_.num_inputs()));
    }
    by_outputs_ = arena.Take(Tile::Size(member_->mlp.layers.back().outputs));
  }

  // Begins a transition of `member` under one control, nu numbers, for each of `lanes` lanes.
  void Begin(int member, const float* const* controls, int lanes) {
    member_ = &packed_.members[member];
    descending_ = false;
    std::fill_n(by_controls_, Tile::Size(model_.num_controls), 0.0f);
    if (!model_.has_mlp() || !is_hnn_) return;
    const int inputs = model_.num_inputs();
    for (int j = model_.num_features + n_; j < inputs; ++j) {
      const float mean = packed_.input_mean.data()[j];
      const float inverse_std = packed_.input_inverse_std.data()[j];
      for (int lane = 0; lane < Tile::kLanes; ++lane) {
        const float value = lane < lanes ? controls[lane][j - model_.num_features - n_] : mean;
        inputs_[Tile::Lane(inputs, j, lane)] = (value - mean) * inverse_std;
      }
    }
  }

  // The cotangents of q and p, set, for cotangents of dq and dp (nullptr: 0). Those of the
  // controls add up.
  void PullBack(const EvaluationRecord& record, const float* by_dq, const float* by_dp, float* by_q,
                float* by_p) {
    std::fill_n(by_p, Tile::Size(n_), 0.0f);
    SetVelocityCotangent(by_dq);
    const bool has_direction = is_hnn_ && by_dp != nullptr;
    const bool sees_features = by_dp != nullptr || model_.kind == DynamicsKind::kNode;
    if (model_.learned_mass || is_hnn_) {
      Features(record.q, has_direction ? by_dp : nullptr);
    }
    if (model_.learned_mass) {
      mass_->Evaluate(member_->mass, features_, has_direction ? feature_tangents_ : nullptr,
                      record.p);
    }
    has_features_ = sees_features && model_.has_mlp();
    if (has_features_) MlpBack(record, by_dq, by_dp, by_p);
    if (model_.learned_mass) {
      mass_->PullBack(member_->mass, record.p, by_velocity_, by_p, by_mass_features_,
                      by_mass_tangents_);
      AddFeatures(by_mass_features_);
    } else if (model_.kind != DynamicsKind::kNode) {
      for (int i = 0; i < Tile::Vectors(n_); ++i) {
        hn::Store(hn::Add(At(by_p, i), At(by_velocity_, i)), d_, by_p + i * kVectorLanes);
      }
    }
    if (has_direction) {
      potential_->Forward(member_->potential, features_, true, nullptr);
      potential_->Tangents(member_->potential, feature_tangents_, nullptr);
      float* by_potential_features = has_features_ ? scratch() : by_features_;
      potential_->PullBackTangents(member_->potential, nullptr, nullptr, by_potential_features,
                                   by_feature_tangents_);
      if (has_features_) AddFeatures(by_potential_features);
      has_features_ = true;
      if (model_.learned_mass) AddTo(by_mass_tangents_, model_.num_features, by_feature_tangents_);
    }
    PositionsBack(record.q, has_direction ? by_dp : nullptr, by_q);
    descending_ = !descending_;
  }

  // What PullBack added up since Begin, [nu].
  const float* FinishControls() {
    const int first = model_.num_features + n_;
    for (int k = 0; k < model_.num_controls && model_.has_mlp(); ++k) {
      const ElementVec inverse_std = hn::Set(de_, packed_.input_inverse_std.data()[first + k]);
      for (int e = 0; e < Tile::kElements; ++e) {
        float* number = by_controls_ + Tile::Element(model_.num_controls, k, e);
        hn::Store(hn::Mul(hn::Load(de_, number), inverse_std), de_, number);
      }
    }
    return by_controls_;
  }

 private:
  using ElementTag = typename Tile::ElementTag;
  using ElementVec = hn::Vec<ElementTag>;

  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }
  HWY_INLINE ElementVec Number(const float* array, int count, int i, int element) const {
    return hn::Load(de_, array + Tile::Element(count, i, element));
  }
  float* scratch() { return by_mass_features_; }

  // Of v where dq = v: the network of NODE gives dq itself.
  void SetVelocityCotangent(const float* by_dq) {
    if (by_dq == nullptr || model_.kind == DynamicsKind::kNode) {
      std::fill_n(by_velocity_, Tile::Size(n_), 0.0f);
    } else {
      std::copy_n(by_dq, Tile::Size(n_), by_velocity_);
    }
  }

  void AddTo(const float* addend, int count, float* sum) {
    for (int i = 0; i < Tile::Vectors(count); ++i) {
      hn::Store(hn::Add(At(sum, i), At(addend, i)), d_, sum + i * kVectorLanes);
    }
  }

  void AddFeatures(const float* addend) {
    if (has_features_) {
      AddTo(addend, model_.num_features, by_features_);
    } else {
      std::copy_n(addend, Tile::Size(model_.num_features), by_features_);
      has_features_ = true;
    }
  }

  // f(q), and with a direction f'(q) direction: cos' = -sin, sin' = cos.
  void Features(const float* q, const float* direction) {
    const int count = model_.num_features;
    for (int e = 0; e < Tile::kElements; ++e) {
      const auto store = [&](float* array, int j, ElementVec value) HWY_ATTR {
        hn::Store(value, de_, array + Tile::Element(count, j, e));
      };
      for (int i = 0; i < angles_; ++i) {
        const int position = model_.angular_positions[i];
        const ElementVec angle = Number(q, n_, position, e);
        const ElementVec cosine = hn::CallCos(de_, angle);
        const ElementVec sine = hn::CallSin(de_, angle);
        store(features_, i, cosine);
        store(features_, angles_ + i, sine);
        if (direction == nullptr) continue;
        const ElementVec rate = Number(direction, n_, position, e);
        store(feature_tangents_, i, hn::Neg(hn::Mul(sine, rate)));
        store(feature_tangents_, angles_ + i, hn::Mul(cosine, rate));
      }
      for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
        const int position = model_.plain_positions[i];
        const int j = 2 * angles_ + static_cast<int>(i);
        store(features_, j, Number(q, n_, position, e));
        if (direction != nullptr) store(feature_tangents_, j, Number(direction, n_, position, e));
      }
    }
  }

  // HNN's force, once more: norm(f(q), v, u).
  void ForceForward(const float* p) {
    const int inputs = model_.num_inputs();
    const float* velocity = model_.learned_mass ? mass_->velocity() : p;
    for (int j = 0; j < model_.num_features + n_; ++j) {
      const ElementVec mean = hn::Set(de_, packed_.input_mean.data()[j]);
      const ElementVec inverse_std = hn::Set(de_, packed_.input_inverse_std.data()[j]);
      for (int e = 0; e < Tile::kElements; ++e) {
        const ElementVec value = j < model_.num_features
                                     ? Number(features_, model_.num_features, j, e)
                                     : Number(velocity, n_, j - model_.num_features, e);
        hn::Store(hn::Mul(hn::Sub(value, mean), inverse_std), de_,
                  inputs_ + Tile::Element(inputs, j, e));
      }
    }
    mlp_->Forward(member_->mlp, inputs_, false, nullptr);
  }

  // Sets by_features_, and adds to the cotangents of the velocity (HNN) or of p, and the controls.
  void MlpBack(const EvaluationRecord& record, const float* by_dq, const float* by_dp,
               float* by_p) {
    ScaleOutputs(by_dq, by_dp);
    if (record.hidden == nullptr) {
      ForceForward(record.p);
      mlp_->PullBack(member_->mlp, by_outputs_, by_inputs_);
    } else {
      mlp_->PullBackRecorded(member_->mlp, record.hidden, record.step, descending_, by_outputs_,
                             by_inputs_);
    }
    const int features = model_.num_features;
    const int inputs = model_.num_inputs();
    float* by_seen = is_hnn_ ? by_velocity_ : by_p;
    for (int e = 0; e < Tile::kElements; ++e) {
      for (int j = 0; j < features + n_; ++j) {
        const ElementVec scaled = hn::Mul(Number(by_inputs_, inputs, j, e),
                                          hn::Set(de_, packed_.input_inverse_std.data()[j]));
        if (j < features) {
          hn::Store(scaled, de_, by_features_ + Tile::Element(features, j, e));
        } else {
          float* number = by_seen + Tile::Element(n_, j - features, e);
          hn::Store(hn::Add(hn::Load(de_, number), scaled), de_, number);
        }
      }
      for (int k = 0; k < model_.num_controls; ++k) {
        float* number = by_controls_ + Tile::Element(model_.num_controls, k, e);
        hn::Store(hn::Add(hn::Load(de_, number), Number(by_inputs_, inputs, features + n_ + k, e)),
                  de_, number);
      }
    }
  }

  void ScaleOutputs(const float* by_dq, const float* by_dp) {
    const float* std = packed_.output_std.data();
    if (model_.kind != DynamicsKind::kNode) {
      for (int i = 0; i < Tile::Vectors(n_); ++i) {
        hn::Store(hn::Mul(At(by_dp, i), Tile::Constants(std, n_, i)), d_,
                  by_outputs_ + i * kVectorLanes);
      }
      return;
    }
    for (int i = 0; i < 2 * n_; ++i) {
      for (int e = 0; e < Tile::kElements; ++e) {
        const float* half = i < n_ ? by_dq : by_dp;
        hn::Store(hn::Mul(Number(half, n_, i % n_, e), hn::Set(de_, std[i])), de_,
                  by_outputs_ + Tile::Element(2 * n_, i, e));
      }
    }
  }

  // Through f(q) and its tangent.
  void PositionsBack(const float* q, const float* direction, float* by_q) {
    std::fill_n(by_q, Tile::Size(n_), 0.0f);
    if (!has_features_) return;
    const int count = model_.num_features;
    const bool has_sines = model_.learned_mass || is_hnn_;
    for (int e = 0; e < Tile::kElements; ++e) {
      for (int i = 0; i < angles_; ++i) {
        const int position = model_.angular_positions[i];
        const ElementVec angle = Number(q, n_, position, e);
        const ElementVec cosine =
            has_sines ? Number(features_, count, i, e) : hn::CallCos(de_, angle);
        const ElementVec sine =
            has_sines ? Number(features_, count, angles_ + i, e) : hn::CallSin(de_, angle);
        ElementVec sum =
            hn::NegMulAdd(Number(by_features_, count, i, e), sine,
                          hn::Mul(Number(by_features_, count, angles_ + i, e), cosine));
        if (direction != nullptr) {
          const ElementVec bent =
              hn::MulAdd(Number(by_feature_tangents_, count, i, e), cosine,
                         hn::Mul(Number(by_feature_tangents_, count, angles_ + i, e), sine));
          sum = hn::NegMulAdd(bent, Number(direction, n_, position, e), sum);
        }
        hn::Store(sum, de_, by_q + Tile::Element(n_, position, e));
      }
      for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
        hn::Store(Number(by_features_, count, 2 * angles_ + static_cast<int>(i), e), de_,
                  by_q + Tile::Element(n_, model_.plain_positions[i], e));
      }
    }
  }

  const FloatTag d_{};
  const ElementTag de_{};
  const PackedModel& packed_;
  const FusedModel& model_;
  const int n_;
  const int angles_;
  const bool is_hnn_;
  const PackedMember* member_;
  bool descending_ = false;
  bool has_features_ = false;  // by_features_ is set

  std::optional<TileNetworkVjp<Tile>> mlp_, potential_;
  std::optional<TileMassVjp<Tile>> mass_;
  float *features_ = nullptr, *feature_tangents_ = nullptr;
  float *by_features_ = nullptr, *by_feature_tangents_ = nullptr;
  float *by_mass_features_ = nullptr, *by_mass_tangents_ = nullptr;
  float* by_velocity_ = nullptr;
  float* by_controls_ = nullptr;
  float *inputs_ = nullptr, *by_inputs_ = nullptr, *by_outputs_ = nullptr;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
