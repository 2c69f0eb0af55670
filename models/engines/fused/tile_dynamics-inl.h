// dz/dt of all lanes of a tile: ScalarDynamics over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#undef ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#else
#define ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#endif

#include <algorithm>
#include <optional>

#include "models/engines/fused/arena-inl.h"
#include "models/engines/fused/dense_call-inl.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tile_mass-inl.h"
#include "models/engines/fused/tile_networks-inl.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Arrays named q, p, dq, dp hold n numbers of every lane. Owned by one thread.
template <class Tile>
class TileDynamics {
 public:
  // `records_hidden` = RecordHiddenTo is wanted.
  TileDynamics(const PackedModel& packed, Arena& arena, bool records_hidden = false)
      : packed_(packed),
        model_(*packed.model),
        n_(model_.num_positions),
        angles_(static_cast<int>(model_.angular_positions.size())),
        member_(&packed.members[0]),
        records_hidden_(records_hidden),
        networks_(model_.has_mlp() ? member_->mlp.layers : member_->potential.layers,
                  model_.activation, records_hidden || model_.kind == DynamicsKind::kHnn, arena) {
    const bool is_hnn = model_.kind == DynamicsKind::kHnn;
    if (model_.has_mlp()) {
      mlp_inputs_ = arena.Take(Tile::Size(model_.num_inputs()));
      mlp_outputs_ = arena.Take(Tile::Size(member_->mlp.layers.back().outputs));
      control_sums_ = arena.Take(Tile::Size(member_->mlp.layers.front().outputs));
    }
    if (model_.learned_mass) mass_.emplace(model_, is_hnn, arena);
    if (model_.learned_mass || is_hnn) features_ = arena.Take(Tile::Size(model_.num_features));
    if (is_hnn) {
      mass_gradient_ = arena.Take(Tile::Size(model_.num_features));
      potential_gradient_ = arena.Take(Tile::Size(model_.num_features));
    }
  }

  // Begins a transition of `member` under one control, nu numbers, for each of `lanes` lanes. What
  // the controls add to the first layer is summed here, once for all substeps; where there is one
  // substep, they are inputs like the others, but summed first, which gives the same bits.
  void Begin(int member, const float* const* controls, int lanes) {
    member_ = &packed_.members[member];
    descending_ = false;
    if (!model_.has_mlp()) return;
    const int first = model_.num_features + n_;
    const int inputs = model_.num_inputs();
    for (int j = first; j < inputs; ++j) {
      const float mean = packed_.input_mean.data()[j];
      const float inverse_std = packed_.input_inverse_std.data()[j];
      for (int lane = 0; lane < Tile::kLanes; ++lane) {
        const float value = lane < lanes ? controls[lane][j - first] : mean;
        mlp_inputs_[Tile::Lane(inputs, j, lane)] = (value - mean) * inverse_std;
      }
    }
    first_mlp_layer_ = DenseCall();
    first_mlp_layer_.inputs = mlp_inputs_;
    first_mlp_layer_.end_input = first;
    if (model_.substeps == 1 && member_->mlp.layers[0].chains == 1) {
      first_mlp_layer_.first_lead = first;
      first_mlp_layer_.end_lead = inputs;
      return;
    }
    first_mlp_layer_.initial = control_sums_;
    DenseCall call;
    call.layer = &member_->mlp.layers[0];
    call.first_input = first;
    call.end_input = inputs;
    call.inputs = mlp_inputs_;
    call.outputs = control_sums_;
    Dense(Tile(), call);
  }

  void Rates(const float* q, const float* p, float* dq, float* dp) {
    if (model_.kind != DynamicsKind::kNode) {
      MomentumRate(q, p, dp);
      PositionRate(q, p, dq);
      return;
    }
    MlpForward(q, p);
    for (int i = 0; i < 2 * n_; ++i) {
      for (int e = 0; e < Tile::kElements; ++e) {
        const auto rate = hn::MulAdd(hn::Set(de_, packed_.output_std.data()[i]),
                                     hn::Load(de_, mlp_outputs_ + Tile::Element(2 * n_, i, e)),
                                     hn::Set(de_, packed_.output_mean.data()[i]));
        hn::Store(rate, de_,
                  i < n_ ? dq + Tile::Element(n_, i, e) : dp + Tile::Element(n_, i - n_, e));
      }
    }
    descending_ = !descending_;
  }

  // Not for NODE.
  void MomentumRate(const float* q, const float* p, float* dp) {
    const float* velocity = p;
    if (model_.kind == DynamicsKind::kHnn && model_.learned_mass) {
      FactoriseMass(q);
      mass_->Multiply(p);
      velocity = mass_->velocity();
    }
    if (model_.kind == DynamicsKind::kHnn) HamiltonianGradient(q, p);
    const int vectors = Tile::Vectors(n_);
    if (model_.has_mlp()) {
      MlpForward(q, velocity);
      for (int i = 0; i < vectors; ++i) {
        const FloatVec rate =
            hn::MulAdd(Tile::Constants(packed_.output_std.data(), n_, i), At(mlp_outputs_, i),
                       Tile::Constants(packed_.output_mean.data(), n_, i));
        hn::Store(rate, d_, dp + i * kVectorLanes);
      }
    } else {
      for (int i = 0; i < vectors; ++i) hn::Store(hn::Zero(d_), d_, dp + i * kVectorLanes);
    }
    if (model_.kind == DynamicsKind::kHnn) SubtractGradient(dp);
    descending_ = !descending_;
  }

  // Not for NODE. For HNN, q is that of the last MomentumRate (p may have moved on): the mass
  // there is still at hand.
  void PositionRate(const float* q, const float* p, float* dq) {
    if (!model_.learned_mass) {
      std::copy_n(p, Tile::Size(n_), dq);
      return;
    }
    if (model_.kind != DynamicsKind::kHnn) FactoriseMass(q);
    mass_->Multiply(p);
    std::copy_n(mass_->velocity(), Tile::Size(n_), dq);
  }

  // Where the mlp's hidden layers of the next Rates or MomentumRate go, layer after layer:
  // activations for tanh, else slopes. nullptr: nowhere.
  void RecordHiddenTo(float* record) { hidden_record_ = record; }

  // v = Minv(q) p at any q.
  void Velocity(const float* q, const float* p, float* v) {
    if (model_.learned_mass) {
      FactoriseMass(q);
      mass_->Multiply(p);
    }
    std::copy_n(model_.learned_mass ? mass_->velocity() : p, Tile::Size(n_), v);
  }

 private:
  using ElementTag = typename Tile::ElementTag;
  using ElementVec = hn::Vec<ElementTag>;

  HWY_INLINE FloatVec At(const float* array, int i) const {
    return hn::Load(d_, array + i * kVectorLanes);
  }

  // Number `j` of f(q) = [cos q_a, sin q_a, the plain positions].
  HWY_INLINE ElementVec Feature(const float* q, int j, int element) const {
    const bool is_plain = j >= 2 * angles_;
    const int position =
        is_plain ? model_.plain_positions[j - 2 * angles_] : model_.angular_positions[j % angles_];
    const ElementVec value = hn::Load(de_, q + Tile::Element(n_, position, element));
    if (is_plain) return value;
    return j < angles_ ? hn::CallCos(de_, value) : hn::CallSin(de_, value);
  }

  void Features(const float* q) {
    const int count = model_.num_features;
    for (int j = 0; j < count; ++j) {
      for (int e = 0; e < Tile::kElements; ++e) {
        hn::Store(Feature(q, j, e), de_, features_ + Tile::Element(count, j, e));
      }
    }
  }

  // mlp_outputs_ = mlp(norm(f(q), v, u)), not yet scaled.
  void MlpForward(const float* q, const float* v) {
    const int features = model_.num_features;
    const int inputs = model_.num_inputs();
    for (int j = 0; j < features + n_; ++j) {
      const ElementVec mean = hn::Set(de_, packed_.input_mean.data()[j]);
      const ElementVec inverse_std = hn::Set(de_, packed_.input_inverse_std.data()[j]);
      for (int e = 0; e < Tile::kElements; ++e) {
        const ElementVec value =
            j < features ? Feature(q, j, e) : hn::Load(de_, v + Tile::Element(n_, j - features, e));
        hn::Store(hn::Mul(hn::Sub(value, mean), inverse_std), de_,
                  mlp_inputs_ + Tile::Element(inputs, j, e));
      }
    }
    networks_.Forward(member_->mlp.layers, first_mlp_layer_, descending_, records_hidden_,
                      mlp_outputs_, hidden_record_);
  }

  void FactoriseMass(const float* q) {
    Features(q);
    mass_->Factorise(member_->mass, features_, descending_, networks_);
  }

  // Gradients of H at f(q): of the kinetic energy, with the mass of the last FactoriseMass, and of
  // the potential.
  void HamiltonianGradient(const float* q, const float* p) {
    if (model_.learned_mass) {
      mass_->KineticGradient(member_->mass, p, networks_, mass_gradient_);
    } else {
      Features(q);
    }
    networks_.Forward(member_->potential.layers, features_, descending_, true, nullptr);
    networks_.ScalarGradient(member_->potential, model_.num_features, potential_gradient_);
  }

  // dp -= dH/dq, through f: cos' = -sin, sin' = cos.
  void SubtractGradient(float* dp) {
    const int count = model_.num_features;
    for (int e = 0; e < Tile::kElements; ++e) {
      const auto gradient = [&](int j) HWY_ATTR {
        const size_t at = Tile::Element(count, j, e);
        const ElementVec potential = hn::Load(de_, potential_gradient_ + at);
        return model_.learned_mass ? hn::Add(potential, hn::Load(de_, mass_gradient_ + at))
                                   : potential;
      };
      for (int i = 0; i < angles_; ++i) {
        float* rate = dp + Tile::Element(n_, model_.angular_positions[i], e);
        const ElementVec cosine = hn::Load(de_, features_ + Tile::Element(count, i, e));
        const ElementVec sine = hn::Load(de_, features_ + Tile::Element(count, angles_ + i, e));
        const ElementVec slope =
            hn::NegMulAdd(gradient(i), sine, hn::Mul(gradient(angles_ + i), cosine));
        hn::Store(hn::Sub(hn::Load(de_, rate), slope), de_, rate);
      }
      for (size_t i = 0; i < model_.plain_positions.size(); ++i) {
        float* rate = dp + Tile::Element(n_, model_.plain_positions[i], e);
        hn::Store(hn::Sub(hn::Load(de_, rate), gradient(2 * angles_ + static_cast<int>(i))), de_,
                  rate);
      }
    }
  }

  const FloatTag d_{};
  const ElementTag de_{};
  const PackedModel& packed_;
  const FusedModel& model_;
  const int n_;
  const int angles_;
  const PackedMember* member_;
  const bool records_hidden_;
  bool descending_ = false;

  TileNetworks<Tile> networks_;
  std::optional<TileMass<Tile>> mass_;  // where it is learned
  DenseCall first_mlp_layer_;           // what the mlp's first layer reads in this transition
  float* hidden_record_ = nullptr;
  float* mlp_inputs_ = nullptr;
  float* mlp_outputs_ = nullptr;
  float* control_sums_ = nullptr;  // bias + what the controls add to the mlp's first layer
  float* features_ = nullptr;
  float* mass_gradient_ = nullptr;
  float* potential_gradient_ = nullptr;
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
