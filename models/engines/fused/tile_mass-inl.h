// The learned mass of all lanes of a tile: products with it, and the kinetic energy's gradient.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_MASS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_MASS_INL_H_
#undef ROLLOUT_FUSED_TILE_MASS_INL_H_
#else
#define ROLLOUT_FUSED_TILE_MASS_INL_H_
#endif

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tile_networks-inl.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Minv(q) = L L' + epsilon I of every lane of a tile, L's numbers from the mass network. Owned by
// one thread; its arrays hold their numbers of every lane.
template <class Tile>
class TileMass {
 public:
  // `with_gradient` = KineticGradient is wanted, too.
  TileMass(const FusedModel& model, bool with_gradient, Arena& arena)
      : model_(model),
        n_(model.num_positions),
        triangle_size_(n_ * (n_ + 1) / 2),
        triangle_(arena.Take(Tile::Size(triangle_size_))),
        factor_momentum_(arena.Take(Tile::Size(n_))),
        velocity_(arena.Take(Tile::Size(n_))) {
    if (!with_gradient) return;
    diagonal_slope_ = arena.Take(Tile::Size(n_));
    cotangents_ = arena.Take(Tile::Size(triangle_size_));
  }

  // Minv(q) p of the last Multiply.
  const float* velocity() const { return velocity_; }

  // L at these features, softplus on its diagonal. `descending`: see DenseCall.
  void Factorise(const PackedNetwork& network, const float* features, bool descending,
                 TileNetworks<Tile>& networks) {
    networks.Forward(network.layers, features, descending, diagonal_slope_ != nullptr, triangle_);
    for (int i = 0; i < n_; ++i) {
      for (int e = 0; e < Tile::kElements; ++e) {
        float* diagonal = triangle_ + Tile::Element(triangle_size_, Triangle(i, i), e);
        const ElementVec raw = hn::Load(de_, diagonal);
        hn::Store(Softplus(de_, raw), de_, diagonal);
        if (diagonal_slope_ != nullptr) {
          hn::Store(Sigmoid(de_, raw), de_, diagonal_slope_ + Tile::Element(n_, i, e));
        }
      }
    }
  }

  // velocity() = Minv(q) p = L (L' p) + epsilon p, with the L of the last Factorise.
  void Multiply(const float* p) {
    for (int e = 0; e < Tile::kElements; ++e) {
      const auto l = [&](int i, int j) HWY_ATTR {
        return hn::Load(de_, triangle_ + Tile::Element(triangle_size_, Triangle(i, j), e));
      };
      for (int j = 0; j < n_; ++j) {
        ElementVec sum = hn::Zero(de_);
        for (int i = j; i < n_; ++i) {
          sum = hn::MulAdd(l(i, j), hn::Load(de_, p + Tile::Element(n_, i, e)), sum);
        }
        hn::Store(sum, de_, factor_momentum_ + Tile::Element(n_, j, e));
      }
      for (int i = 0; i < n_; ++i) {
        ElementVec sum =
            hn::Mul(hn::Set(de_, model_.mass_epsilon), hn::Load(de_, p + Tile::Element(n_, i, e)));
        for (int j = 0; j <= i; ++j) {
          sum = hn::MulAdd(l(i, j), hn::Load(de_, factor_momentum_ + Tile::Element(n_, j, e)), sum);
        }
        hn::Store(sum, de_, velocity_ + Tile::Element(n_, i, e));
      }
    }
  }

  // The gradient of p' Minv p / 2 with respect to the features, through L: dH/dL[i][j] =
  // p_i (L' p)_j. After Factorise and Multiply; `networks` as Factorise left it.
  void KineticGradient(const PackedNetwork& network, const float* p, TileNetworks<Tile>& networks,
                       float* gradient) {
    for (int e = 0; e < Tile::kElements; ++e) {
      for (int i = 0; i < n_; ++i) {
        const ElementVec momentum = hn::Load(de_, p + Tile::Element(n_, i, e));
        for (int j = 0; j <= i; ++j) {
          ElementVec cotangent =
              hn::Mul(momentum, hn::Load(de_, factor_momentum_ + Tile::Element(n_, j, e)));
          if (i == j) {
            cotangent =
                hn::Mul(cotangent, hn::Load(de_, diagonal_slope_ + Tile::Element(n_, i, e)));
          }
          hn::Store(cotangent, de_, cotangents_ + Tile::Element(triangle_size_, Triangle(i, j), e));
        }
      }
    }
    networks.Backward(network, static_cast<int>(network.layers.size()) - 1, cotangents_, gradient);
  }

 private:
  using ElementTag = typename Tile::ElementTag;
  using ElementVec = hn::Vec<ElementTag>;

  static int Triangle(int i, int j) { return i * (i + 1) / 2 + j; }

  const ElementTag de_{};
  const FusedModel& model_;
  const int n_;
  const int triangle_size_;
  float* triangle_;
  float* factor_momentum_;  // L' p
  float* velocity_;
  float* diagonal_slope_ = nullptr;  // softplus' on L's diagonal
  float* cotangents_ = nullptr;      // of L's numbers
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
