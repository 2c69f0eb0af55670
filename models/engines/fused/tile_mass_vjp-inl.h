// Cotangents of velocities v = Minv(q) p, and of the kinetic energy's derivative, on their way back
// for all lanes of a tile: the mass of ScalarDynamicsVjp over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_MASS_VJP_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_MASS_VJP_INL_H_
#undef ROLLOUT_FUSED_TILE_MASS_VJP_INL_H_
#else
#define ROLLOUT_FUSED_TILE_MASS_VJP_INL_H_
#endif

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tile_network_vjp-inl.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Minv(q) = L L' + epsilon I, L's numbers from the mass network, and its derivative dL along a
// direction of the features (none: first derivatives only). Owned by one thread.
template <class Tile>
class TileMassVjp {
 public:
  TileMassVjp(const FusedModel& model, const PackedNetwork& network, bool with_tangents,
              Arena& arena)
      : model_(model),
        n_(model.num_positions),
        size_(n_ * (n_ + 1) / 2),
        network_(network.layers, model.activation, with_tangents, arena) {
    for (float** array : {&triangle_, &by_raw_}) *array = arena.Take(Tile::Size(size_));
    for (float** array : {&diagonal_slope_, &momentum_, &velocity_, &by_momentum_}) {
      *array = arena.Take(Tile::Size(n_));
    }
    if (!with_tangents) return;
    for (float** array : {&rates_, &by_raw_tangents_}) *array = arena.Take(Tile::Size(size_));
    diagonal_rate_ = arena.Take(Tile::Size(n_));
    momentum_rate_ = arena.Take(Tile::Size(n_));
  }

  // Minv(q) p of the last Evaluate.
  const float* velocity() const { return velocity_; }

  // At features and p; `feature_tangents` nullptr: no direction.
  void Evaluate(const PackedNetwork& network, const float* features, const float* feature_tangents,
                const float* p) {
    has_direction_ = feature_tangents != nullptr;
    network_.Forward(network, features, has_direction_, triangle_);
    if (has_direction_) network_.Tangents(network, feature_tangents, rates_);
    for (int i = 0; i < n_; ++i) {
      for (int e = 0; e < Tile::kElements; ++e) {
        float* diagonal = triangle_ + At(i, i, e);
        const ElementVec raw = hn::Load(de_, diagonal);
        const ElementVec slope = Sigmoid(de_, raw);
        hn::Store(Softplus(de_, raw), de_, diagonal);
        hn::Store(slope, de_, diagonal_slope_ + Tile::Element(n_, i, e));
        if (!has_direction_) continue;
        const ElementVec raw_rate = hn::Load(de_, rates_ + At(i, i, e));
        hn::Store(raw_rate, de_, diagonal_rate_ + Tile::Element(n_, i, e));
        hn::Store(hn::Mul(slope, raw_rate), de_, rates_ + At(i, i, e));
      }
    }
    Multiply(p);
  }

  // Adds to by_p the cotangent of p, and sets those of the features and their tangents, for the
  // cotangent c of v and, with a direction, -1 of the kinetic energy's derivative along it.
  void PullBack(const PackedNetwork& network, const float* p, const float* c, float* by_p,
                float* by_features, float* by_feature_tangents) {
    for (int e = 0; e < Tile::kElements; ++e) {
      // by_momentum = r - ds, the cotangent of s = L' p, with r = L' c.
      for (int j = 0; j < n_; ++j) {
        ElementVec sum = has_direction_ ? hn::Neg(Number(momentum_rate_, j, e)) : hn::Zero(de_);
        for (int i = j; i < n_; ++i) {
          sum = hn::MulAdd(hn::Load(de_, triangle_ + At(i, j, e)), Number(c, i, e), sum);
        }
        hn::Store(sum, de_, by_momentum_ + Tile::Element(n_, j, e));
      }
      for (int i = 0; i < n_; ++i) RowBack(i, e, p, c, by_p);
    }
    if (has_direction_) {
      network_.PullBackTangents(network, by_raw_, by_raw_tangents_, by_features,
                                by_feature_tangents);
    } else {
      network_.PullBack(network, by_raw_, by_features);
    }
  }

 private:
  using ElementTag = typename Tile::ElementTag;
  using ElementVec = hn::Vec<ElementTag>;

  size_t At(int i, int j, int element) const {
    return Tile::Element(size_, i * (i + 1) / 2 + j, element);
  }
  HWY_INLINE ElementVec Number(const float* array, int i, int element) const {
    return hn::Load(de_, array + Tile::Element(n_, i, element));
  }

  // s = L' p, ds = dL' p and v = L s + epsilon p.
  void Multiply(const float* p) {
    for (int e = 0; e < Tile::kElements; ++e) {
      for (int j = 0; j < n_; ++j) {
        ElementVec sum = hn::Zero(de_);
        ElementVec rate = hn::Zero(de_);
        for (int i = j; i < n_; ++i) {
          const ElementVec momentum = Number(p, i, e);
          sum = hn::MulAdd(hn::Load(de_, triangle_ + At(i, j, e)), momentum, sum);
          if (has_direction_) {
            rate = hn::MulAdd(hn::Load(de_, rates_ + At(i, j, e)), momentum, rate);
          }
        }
        hn::Store(sum, de_, momentum_ + Tile::Element(n_, j, e));
        if (has_direction_) hn::Store(rate, de_, momentum_rate_ + Tile::Element(n_, j, e));
      }
      for (int i = 0; i < n_; ++i) {
        ElementVec sum = hn::Mul(hn::Set(de_, model_.mass_epsilon), Number(p, i, e));
        for (int j = 0; j <= i; ++j) {
          sum = hn::MulAdd(hn::Load(de_, triangle_ + At(i, j, e)), Number(momentum_, j, e), sum);
        }
        hn::Store(sum, de_, velocity_ + Tile::Element(n_, i, e));
      }
    }
  }

  // Row i of L and dL: what it adds to the cotangent of p, and the cotangents of the network's
  // outputs behind it.
  HWY_INLINE void RowBack(int i, int e, const float* p, const float* c, float* by_p) {
    const ElementVec momentum = Number(p, i, e);
    const ElementVec by_velocity = Number(c, i, e);
    float* by_momentum = by_p + Tile::Element(n_, i, e);
    ElementVec sum =
        hn::MulAdd(hn::Set(de_, model_.mass_epsilon), by_velocity, hn::Load(de_, by_momentum));
    for (int j = 0; j <= i; ++j) {
      const size_t at = At(i, j, e);
      const ElementVec s = Number(momentum_, j, e);
      const ElementVec by_s = Number(by_momentum_, j, e);
      sum = hn::MulAdd(hn::Load(de_, triangle_ + at), by_s, sum);
      ElementVec by_entry = hn::MulAdd(by_velocity, s, hn::Mul(momentum, by_s));
      const ElementVec slope = Number(diagonal_slope_, i, e);
      if (has_direction_) {
        sum = hn::NegMulAdd(hn::Load(de_, rates_ + at), s, sum);
        ElementVec by_rate = hn::Neg(hn::Mul(momentum, s));
        if (i == j) {
          // dL = softplus'(raw) draw, and softplus'' = softplus' (1 - softplus').
          by_rate = hn::Mul(by_rate, slope);
          const ElementVec bent =
              hn::Mul(hn::NegMulAdd(slope, by_rate, by_rate), Number(diagonal_rate_, i, e));
          by_entry = hn::MulAdd(by_entry, slope, bent);
        }
        hn::Store(by_rate, de_, by_raw_tangents_ + at);
      } else if (i == j) {
        by_entry = hn::Mul(by_entry, slope);
      }
      hn::Store(by_entry, de_, by_raw_ + at);
    }
    hn::Store(sum, de_, by_momentum);
  }

  const ElementTag de_{};
  const FusedModel& model_;
  const int n_;
  const int size_;
  TileNetworkVjp<Tile> network_;
  bool has_direction_ = false;
  float *triangle_, *by_raw_;
  float *diagonal_slope_, *momentum_, *velocity_, *by_momentum_;
  float *rates_ = nullptr, *by_raw_tangents_ = nullptr;
  float *diagonal_rate_ = nullptr, *momentum_rate_ = nullptr;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
