// dz/dt of all lanes of a tile: ScalarDynamics over again, in vectors.
// Included once for each instruction set.
#if defined(ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#undef ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#else
#define ROLLOUT_FUSED_TILE_DYNAMICS_INL_H_
#endif

#include <algorithm>
#include <vector>

#include "models/engines/fused/dense-inl.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/tiles-inl.h"
#include "models/engines/fused/vector_functions-inl.h"

HWY_BEFORE_NAMESPACE();
namespace rollout::fused::HWY_NAMESPACE {

namespace hn = hwy::HWY_NAMESPACE;

// Hands out arrays from one block of memory. Without memory it only counts.
class Arena {
 public:
  explicit Arena(float* memory) : memory_(memory) {}
  float* Take(size_t size) {
    float* taken = memory_ == nullptr ? nullptr : memory_ + used_;
    used_ += (size + kVectorLanes - 1) / kVectorLanes * kVectorLanes;
    return taken;
  }
  size_t used() const { return used_; }

 private:
  float* memory_;
  size_t used_ = 0;
};

// Arrays named q, p, dq, dp hold n numbers of every lane. Owned by one thread.
template <class Tile>
class TileDynamics {
 public:
  TileDynamics(const PackedModel& packed, Arena& arena)
      : packed_(packed),
        model_(*packed.model),
        n_(model_.num_positions),
        angles_(static_cast<int>(model_.angular_positions.size())),
        triangle_size_(n_ * (n_ + 1) / 2) {
    const FusedModel& model = model_;
    member_ = &packed.members[0];
    const std::vector<PackedLayer>& layers =
        model.has_mlp() ? member_->mlp.layers : member_->potential.layers;
    const bool with_gradient = model.kind == DynamicsKind::kHnn;
    for (size_t i = 0; i + 1 < layers.size(); ++i) {
      const int width = layers[i].outputs;
      // Only the way back reads more than the layer before.
      if (with_gradient || i < 2) {
        hidden_.push_back({arena.Take(Tile::Size(width)), width});
      } else {
        hidden_.push_back(hidden_[i - 2].width >= width
                              ? Hidden{hidden_[i - 2].values, width}
                              : Hidden{arena.Take(Tile::Size(width)), width});
      }
      widest_ = std::max(widest_, width);
    }
    if (model.has_mlp()) {
      mlp_inputs_ = arena.Take(Tile::Size(model.num_inputs()));
      mlp_outputs_ = arena.Take(Tile::Size(layers.back().outputs));
      control_sums_ = arena.Take(Tile::Size(layers.front().outputs));
    }
    if (model.learned_mass) {
      triangle_ = arena.Take(Tile::Size(triangle_size_));
      factor_momentum_ = arena.Take(Tile::Size(n_));
      velocity_ = arena.Take(Tile::Size(n_));
      features_ = arena.Take(Tile::Size(model.num_features));
    }
    if (with_gradient) {
      if (!model.learned_mass) features_ = arena.Take(Tile::Size(model.num_features));
      diagonal_slope_ = arena.Take(Tile::Size(n_));
      mass_cotangents_ = arena.Take(Tile::Size(triangle_size_));
      mass_gradient_ = arena.Take(Tile::Size(model.num_features));
      potential_gradient_ = arena.Take(Tile::Size(model.num_features));
      for (float*& cotangents : cotangents_) cotangents = arena.Take(Tile::Size(widest_));
      if (model.activation != Activation::kTanh) {
        for (const Hidden& hidden : hidden_)
          slopes_.push_back(arena.Take(Tile::Size(hidden.width)));
      }
    }
  }

  // Begins a transition of `member` under one control, nu numbers, for each of `lanes` lanes. What
  // the controls add to the first layer is summed here, once for all substeps.
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
      MassTriangle(q);
      MassProducts(p);
      velocity = velocity_;
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
    if (model_.kind != DynamicsKind::kHnn) MassTriangle(q);
    MassProducts(p);
    std::copy_n(velocity_, Tile::Size(n_), dq);
  }

  // v = Minv(q) p at any q.
  void Velocity(const float* q, const float* p, float* v) {
    if (model_.learned_mass) {
      MassTriangle(q);
      MassProducts(p);
    }
    std::copy_n(model_.learned_mass ? velocity_ : p, Tile::Size(n_), v);
  }

 private:
  using ElementTag = typename Tile::ElementTag;
  using ElementVec = hn::Vec<ElementTag>;

  struct Hidden {
    float* values;
    int width;
  };

  static int Triangle(int i, int j) { return i * (i + 1) / 2 + j; }

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
    Forward(member_->mlp.layers, mlp_inputs_, features + n_, control_sums_, false, mlp_outputs_);
  }

  // Through all layers, or (outputs = nullptr) through all but the last. Of the first layer, the
  // inputs below `end_input`, on top of `initial` where given.
  void Forward(const std::vector<PackedLayer>& layers, const float* inputs, int end_input,
               const float* initial, bool with_slopes, float* outputs) {
    for (size_t i = 0; i < layers.size(); ++i) {
      const bool is_last = i + 1 == layers.size();
      if (is_last && outputs == nullptr) return;
      DenseCall call;
      call.layer = &layers[i];
      call.end_input = i == 0 ? end_input : layers[i].inputs;
      call.descending = descending_ && i > 0;
      call.inputs = i == 0 ? inputs : hidden_[i - 1].values;
      call.initial = i == 0 ? initial : nullptr;
      call.outputs = is_last ? outputs : hidden_[i].values;
      const bool is_tanh = model_.activation == Activation::kTanh;
      call.epilogue = !is_last && is_tanh ? Epilogue::kTanh : Epilogue::kNone;
      Dense(Tile(), call);
      if (!is_last && !is_tanh) {
        Activate(call.outputs, with_slopes ? slopes_[i] : nullptr, layers[i].outputs);
      }
    }
  }

  // The activations other than tanh, in a pass of their own, with their derivatives if wanted.
  void Activate(float* values, float* slopes, int count) {
    const FloatVec zero = hn::Zero(d_);
    const FloatVec one = hn::Set(d_, 1.0f);
    for (int i = 0; i < Tile::Vectors(count); ++i) {
      const FloatVec x = At(values, i);
      FloatVec y = x;
      FloatVec slope = one;
      switch (model_.activation) {
        case Activation::kTanh:
          y = FastTanh(d_, x);
          slope = hn::NegMulAdd(y, y, one);
          break;
        case Activation::kRelu:
          y = hn::IfThenElse(hn::Lt(x, zero), zero, x);  // passes NaN on
          slope = hn::IfThenElseZero(hn::Gt(x, zero), one);
          break;
        case Activation::kSilu: {
          const FloatVec s = Sigmoid(d_, x);
          y = hn::Mul(x, s);
          slope = hn::Mul(s, hn::MulAdd(x, hn::Sub(one, s), one));
          break;
        }
        case Activation::kSoftplus:
          y = Softplus(d_, x);
          slope = Sigmoid(d_, x);
          break;
      }
      hn::Store(y, d_, values + i * kVectorLanes);
      if (slopes != nullptr) hn::Store(slope, d_, slopes + i * kVectorLanes);
    }
  }

  // From cotangents of the activations of hidden layer `last` - already times their slope - back
  // to the network's inputs.
  void Backward(const PackedNetwork& network, int last, const float* cotangents, float* gradient) {
    for (int i = last + 1; i-- > 0;) {
      DenseCall call;
      call.layer = &network.backward[i];
      call.end_input = call.layer->inputs;
      call.inputs = cotangents;
      call.outputs = i == 0 ? gradient : NextCotangents(cotangents);
      const bool is_tanh = model_.activation == Activation::kTanh;
      if (i > 0 && is_tanh) {
        call.epilogue = Epilogue::kTanhSlope;
        call.activations = hidden_[i - 1].values;
      }
      Dense(Tile(), call);
      if (i > 0 && !is_tanh) {
        for (int v = 0; v < Tile::Vectors(call.layer->outputs); ++v) {
          hn::Store(hn::Mul(At(call.outputs, v), At(slopes_[i - 1], v)), d_,
                    call.outputs + v * kVectorLanes);
        }
      }
      cotangents = call.outputs;
    }
  }

  float* NextCotangents(const float* current) {
    return current == cotangents_[0] ? cotangents_[1] : cotangents_[0];
  }

  // triangle_ = L(q), softplus on its diagonal; diagonal_slope_ = softplus' there.
  void MassTriangle(const float* q) {
    Features(q);
    Forward(member_->mass.layers, features_, model_.num_features, nullptr,
            model_.kind == DynamicsKind::kHnn, triangle_);
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

  // factor_momentum_ = L' p and velocity_ = L L' p + epsilon p, with the L of the last
  // MassTriangle.
  void MassProducts(const float* p) {
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

  // Gradients of H at f(q): of the kinetic energy through L, with dH/dL[i][j] = p_i (L' p)_j, and
  // of the potential. The mass network's activations are those of the last MassTriangle.
  void HamiltonianGradient(const float* q, const float* p) {
    if (model_.learned_mass) {
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
            hn::Store(cotangent, de_,
                      mass_cotangents_ + Tile::Element(triangle_size_, Triangle(i, j), e));
          }
        }
      }
      const int last = static_cast<int>(member_->mass.layers.size()) - 1;
      Backward(member_->mass, last, mass_cotangents_, mass_gradient_);
    } else {
      Features(q);
    }
    Forward(member_->potential.layers, features_, model_.num_features, nullptr, true, nullptr);
    const float* last_weights = member_->potential.last_weights.data();
    if (hidden_.empty()) {
      for (int i = 0; i < Tile::Vectors(model_.num_features); ++i) {
        hn::Store(Tile::Constants(last_weights, model_.num_features, i), d_,
                  potential_gradient_ + i * kVectorLanes);
      }
      return;
    }
    const Hidden& last = hidden_.back();
    for (int i = 0; i < Tile::Vectors(last.width); ++i) {
      const FloatVec h = At(last.values, i);
      const FloatVec slope = model_.activation == Activation::kTanh
                                 ? hn::NegMulAdd(h, h, hn::Set(d_, 1.0f))
                                 : At(slopes_.back(), i);
      hn::Store(hn::Mul(Tile::Constants(last_weights, last.width, i), slope), d_,
                cotangents_[0] + i * kVectorLanes);
    }
    Backward(member_->potential, static_cast<int>(hidden_.size()) - 1, cotangents_[0],
             potential_gradient_);
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
  const int triangle_size_;
  const PackedMember* member_ = nullptr;
  bool descending_ = false;
  int widest_ = 0;

  std::vector<Hidden> hidden_;  // activations of each hidden layer, of the network at hand
  std::vector<float*> slopes_;  // their derivatives; empty for tanh, which has them from hidden_
  float* mlp_inputs_ = nullptr;
  float* mlp_outputs_ = nullptr;
  float* control_sums_ = nullptr;  // bias + what the controls add to the mlp's first layer
  float* features_ = nullptr;
  float* triangle_ = nullptr;
  float* diagonal_slope_ = nullptr;
  float* factor_momentum_ = nullptr;
  float* velocity_ = nullptr;
  float* mass_cotangents_ = nullptr;
  float* mass_gradient_ = nullptr;
  float* potential_gradient_ = nullptr;
  float* cotangents_[2] = {nullptr, nullptr};
};

}  // namespace rollout::fused::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // the toggle
