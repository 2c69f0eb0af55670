// dz/dt of all lanes of a tile, by all threads of a block.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_DYNAMICS_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_DYNAMICS_H_

#include "models/engines/cuda/dense_tile.h"
#include "models/engines/cuda/tile_math.h"
#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

// Where the evaluation takes place: rows [n] of positions and of momenta (velocities for kinds
// without a learned mass).
struct TilePoint {
  const float* q;
  const float* p;
};

// Evaluates one member's dynamics. kHamiltonian: the model has a potential or a learned mass; the
// others get a kernel of their own, which has the registers to keep a layer's weights in.
//
// Functions named Tile… are called by the block as a whole and end with a barrier; those named
// Element… by one thread for one row and lane.
template <class Block, int kLanes, bool kHamiltonian>
class TileDynamics {
 public:
  using Dense = DenseTile<Block, kLanes>;
  static constexpr int kStride = TileShape<kLanes>::kStride;
  static constexpr bool kKeepsWeights = !kHamiltonian && kLanes <= 8;

  ROLLOUT_TILE TileDynamics(Block& block, const TileModel& model, float* shared,
                            const float* packed)
      : block_(block),
        model_(model),
        memory_(model.memory),
        shared_(shared),
        packed_(packed),
        resident_layer_(-1) {
    if constexpr (kKeepsWeights) {
      if (model.mlp.layers > 2 && FitsRegisters(model.mlp.layer[1])) {
        resident_layer_ = 1;
        Dense::LoadResident(block, model.mlp.layer[1], packed, resident_);
      }
    }
  }

  // f(row, lane) for all rows of the tile, and a barrier.
  template <class Function>
  ROLLOUT_TILE void TileRows(int rows, Function function) {
    block_.Each([&](int thread) {
      for (int i = thread; i < rows * kLanes; i += kThreads) function(i / kLanes, i % kLanes);
    });
    block_.Sync();
  }

  ROLLOUT_TILE float* Row(int offset, int row, int lane) const {
    return shared_ + offset + row * kStride + lane;
  }

  // Row `row` of the inputs and features that position and velocity `i` give.
  ROLLOUT_TILE void ElementInputs(const TilePoint& point, int i, int lane) const {
    const int row = model_.feature_row[i];
    const float q = point.q[i * kStride + lane];
    if (row >= 0) {
      if (model_.is_angle[i] != 0) {
        float cosine, sine;
        CosineSine(q, &cosine, &sine);
        ElementFeature(row, lane, cosine);
        ElementFeature(row + model_.num_angles, lane, sine);
      } else {
        ElementFeature(row, lane, q);
      }
    }
    const bool sees_momentum = model_.learned_mass == 0 || model_.mlp_sees_momentum != 0;
    if (model_.mlp.layers > 0 && sees_momentum) {
      ElementNormalised(model_.num_features + i, lane, point.p[i * kStride + lane]);
    }
  }

  ROLLOUT_TILE void ElementControl(int c, int lane, float u) const {
    if (model_.mlp.layers > 0) {
      ElementNormalised(model_.num_features + model_.num_positions + c, lane, u);
    }
  }

  // dq and dp at `point` into the rows at `rates` [2n]. The inputs must have been set from it.
  ROLLOUT_TILE void TileRates(const TilePoint& point, float* rates) {
    const int n = model_.num_positions;
    if constexpr (!kHamiltonian) {
      TileMlp(rates + (model_.rates_of_positions != 0 ? 0 : n * kStride));
      return;
    } else {
      if (model_.learned_mass != 0) {
        TileMassFactor();
        TileVelocity(point.p, true);
      }
      if (model_.potential.layers > 0) TileHamiltonianGradient(point);
      if (model_.mlp.layers > 0) TileMlp(rates + n * kStride);
    }
  }

  // After TileRates: dq and dp of position i; only the thread of (i, lane) may have changed p
  // since.
  ROLLOUT_TILE void ElementRates(const TilePoint& point, float* rates, int i, int lane) const {
    float* dq = rates + i * kStride + lane;
    float* dp = rates + (model_.num_positions + i) * kStride + lane;
    if (model_.rates_of_positions != 0) return;
    if constexpr (kHamiltonian) {
      if (model_.mlp.layers == 0) *dp = 0.0f;
      if (model_.potential.layers > 0) *dp -= ElementGradient(i, lane);
      *dq =
          model_.learned_mass != 0 ? *Row(memory_.velocity, i, lane) : point.p[i * kStride + lane];
    } else {
      *dq = point.p[i * kStride + lane];
    }
  }

  // L at the positions whose inputs were set: the mass network, softplus on the diagonal.
  ROLLOUT_TILE void TileMassFactor() {
    float* triangle = shared_ + memory_.triangle;
    TileNetworkForward(model_.mass, shared_ + memory_.features,
                       {triangle, Epilogue::kBiased, model_.activation, nullptr, nullptr, nullptr},
                       model_.mass.layers);
    TileRows(model_.num_positions, [&](int i, int lane) {
      float* diagonal = triangle + (i * (i + 3) / 2) * kStride + lane;
      *diagonal = Softplus(*diagonal);
    });
  }

  // velocity = (L L' + epsilon I) p. `into_inputs`: and into the mlp's inputs, where it sees v.
  ROLLOUT_TILE void TileVelocity(const float* p, bool into_inputs) {
    const int n = model_.num_positions;
    TileRows(n, [&](int j, int lane) {
      float sum = 0.0f;
      for (int i = j; i < n; ++i) {
        sum = MultiplyAdd(*Row(memory_.triangle, i * (i + 1) / 2 + j, lane), p[i * kStride + lane],
                          sum);
      }
      *Row(memory_.factor, j, lane) = sum;
    });
    const bool seen = into_inputs && model_.mlp.layers > 0 && model_.mlp_sees_momentum == 0;
    TileRows(n, [&](int i, int lane) {
      float sum = model_.mass_epsilon * p[i * kStride + lane];
      for (int j = 0; j <= i; ++j) {
        sum = MultiplyAdd(*Row(memory_.triangle, i * (i + 1) / 2 + j, lane),
                          *Row(memory_.factor, j, lane), sum);
      }
      *Row(memory_.velocity, i, lane) = sum;
      if (seen) ElementNormalised(model_.num_features + i, lane, sum);
    });
  }

 private:
  using Destination = typename Dense::Destination;

  ROLLOUT_TILE float* Hidden(int buffer) const {
    return shared_ + memory_.hidden + buffer * memory_.hidden_stride;
  }
  ROLLOUT_TILE const float* Constants(int offset) const {
    return shared_ + memory_.constants + offset;
  }

  ROLLOUT_TILE void ElementFeature(int row, int lane, float value) const {
    if constexpr (kHamiltonian) *Row(memory_.features, row, lane) = value;
    if (model_.mlp.layers > 0) ElementNormalised(row, lane, value);
  }
  ROLLOUT_TILE void ElementNormalised(int row, int lane, float value) const {
    *Row(memory_.inputs, row, lane) =
        (value - Constants(model_.input_mean)[row]) * Constants(model_.input_inverse_std)[row];
  }

  ROLLOUT_TILE void TileMlp(float* outputs) {
    TileNetworkForward(model_.mlp, shared_ + memory_.inputs,
                       {outputs, Epilogue::kScaled, model_.activation, nullptr,
                        Constants(model_.output_std), Constants(model_.output_mean)},
                       model_.mlp.layers);
  }

  // The first `layers` layers of a network, hidden layer i into buffer i (where the way back finds
  // it) and the network's last layer into `last`.
  ROLLOUT_TILE void TileNetworkForward(const TileNetwork& network, const float* x, Destination last,
                                       int layers) {
    for (int i = 0; i < layers; ++i) {
      const TileLayer& layer = network.layer[i];
      Destination destination = last;
      if (i + 1 < network.layers) {
        const int buffer = kHamiltonian ? i : i % 2;
        destination = {Hidden(buffer), Epilogue::kActivation, model_.activation, nullptr, nullptr,
                       nullptr};
      }
      destination.bias = Constants(layer.bias);
      if constexpr (kKeepsWeights) {
        if (i == resident_layer_) {
          Dense::RunResident(block_, layer, resident_, x, destination);
          x = destination.rows;
          continue;
        }
      }
      TileLayerOutputs(layer, x, destination);
      x = destination.rows;
    }
  }

  // A call in the kernels that have six places from which to make it, no call in the others.
  ROLLOUT_TILE void TileLayerOutputs(const TileLayer& layer, const float* x,
                                     const Destination& destination) {
    if constexpr (kHamiltonian) {
      Dense::RunCalled(block_, layer, shared_, packed_, x, destination);
    } else {
      Dense::Run(block_, layer, shared_, packed_, x, destination);
    }
  }

  // From the cotangents of the last hidden layer, times its slope, in its buffer (or, without
  // hidden layers, of the outputs at `cotangents`) to the gradient of the features.
  ROLLOUT_TILE void TileNetworkBackward(const TileNetwork& backward, const float* cotangents,
                                        int first, Epilogue into_features) {
    for (int i = first; i >= 0; --i) {
      const Destination destination = {i > 0 ? Hidden(i - 1) : shared_ + memory_.feature_gradient,
                                       i > 0 ? Epilogue::kSlope : into_features,
                                       model_.activation,
                                       nullptr,
                                       nullptr,
                                       nullptr};
      TileLayerOutputs(backward.layer[i], cotangents, destination);
      cotangents = destination.rows;
    }
  }

  // H = V(f(q)) + (|L' p|^2 + epsilon |p|^2) / 2, dH/dL[i][j] = p_i (L' p)_j. Into
  // feature_gradient.
  ROLLOUT_TILE void TileHamiltonianGradient(const TilePoint& point) {
    const int n = model_.num_positions;
    Epilogue into_features = Epilogue::kSum;
    if (model_.learned_mass != 0) {
      TileRows(n * n, [&](int index, int lane) {
        const int i = index / n;
        const int j = index % n;
        if (j > i) return;
        const int row = i * (i + 1) / 2 + j;
        // The slope of softplus is 1 - e^-y of its value y.
        const float slope = i == j ? -expm1f(-*Row(memory_.triangle, row, lane)) : 1.0f;
        *Row(memory_.cotangents, row, lane) =
            point.p[i * kStride + lane] * *Row(memory_.factor, j, lane) * slope;
      });
      TileNetworkBackward(model_.mass_backward, shared_ + memory_.cotangents,
                          model_.mass.layers - 1, into_features);
      into_features = Epilogue::kAdded;
    }
    const int hidden = model_.potential.layers - 1;
    const float* last = Constants(model_.potential_last);
    if (hidden == 0) {  // V is linear in f(q): its weights are the gradient
      TileRows(model_.num_features, [&](int row, int lane) {
        float* gradient = Row(memory_.feature_gradient, row, lane);
        *gradient = (into_features == Epilogue::kAdded ? *gradient : 0.0f) + last[row];
      });
      return;
    }
    TileNetworkForward(model_.potential, shared_ + memory_.features, {}, hidden);
    float* top = Hidden(hidden - 1);
    TileRows(model_.potential.layer[hidden].inputs, [&](int row, int lane) {
      float* y = top + row * kStride + lane;
      *y = last[row] * Dense::Slope(model_.activation, *y);
    });
    TileNetworkBackward(model_.potential_backward, top, hidden - 1, into_features);
  }

  // dH/dq_i by the chain rule through the features.
  ROLLOUT_TILE float ElementGradient(int i, int lane) const {
    const int row = model_.feature_row[i];
    if (row < 0) return 0.0f;
    const float first = *Row(memory_.feature_gradient, row, lane);
    if (model_.is_angle[i] == 0) return first;
    const int sine_row = row + model_.num_angles;
    return *Row(memory_.feature_gradient, sine_row, lane) * *Row(memory_.features, row, lane) -
           first * *Row(memory_.features, sine_row, lane);
  }

  Block& block_;
  const TileModel& model_;
  const TileMemory& memory_;
  float* const shared_;
  const float* const packed_;
  int resident_layer_;
  typename Dense::Resident resident_;  // never touched where kKeepsWeights is false
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_DYNAMICS_H_
