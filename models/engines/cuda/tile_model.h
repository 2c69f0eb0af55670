// A transition model as the device code reads it: plain numbers and offsets, passed to the kernel
// by value. Made by PackTiles (the model) and PlanTiles (where things lie in shared memory).
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_MODEL_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_MODEL_H_

#include <cstdint>

#include "models/engines/cuda/tile_math.h"

namespace rollout::cuda {

inline constexpr int kThreads = 256;      // of every block
inline constexpr int kMaxLayers = 9;      // of a network, the last one included
inline constexpr int kMaxPositions = 64;  // n
inline constexpr int kMaxStages = 4;      // of a Runge-Kutta method
// Outputs of a layer are padded to a multiple of this, with zero weights.
inline constexpr int kOutputPadding = 8;

ROLLOUT_TILE constexpr int PadOutputs(int outputs) {
  return (outputs + kOutputPadding - 1) / kOutputPadding * kOutputPadding;
}

enum class TileActivation : int32_t { kTanh, kRelu, kSilu, kSoftplus };

// How a substep is put together. Every Runge-Kutta method, EULER's one stage included, follows its
// tableau.
enum class TileMethod : int32_t {
  kRungeKutta,
  kConstantAcceleration,
  kSymplecticEuler,
  kLeapfrog,
};

// y = W x + b. Weights lie [inputs][stride], the outputs of one input side by side, padded by
// zeros.
struct TileLayer {
  int32_t inputs;
  int32_t outputs;  // without padding
  int32_t stride;   // floats from one input to the next
  int32_t weights;  // offset in the packed numbers
  int32_t shared;   // offset in shared memory, or -1: read from the packed numbers
  int32_t bias;     // offset in the constants; -1 = none
};

struct TileNetwork {
  int32_t layers;  // 0: the model has no such network
  TileLayer layer[kMaxLayers];
};

// Offsets of rows in shared memory, in floats. A row holds one number of every lane of the tile.
struct TileMemory {
  int32_t verdict;           // one number: whether the tile is finished
  int32_t constants;         // biases and normalisers, one number each
  int32_t state;             // [2n] q, p
  int32_t residual;          // [2n] what rounding has cut off from the state
  int32_t stage;             // [2n] the state at which a later stage is evaluated
  int32_t rates;             // [stages, 2n] dq, dp
  int32_t controls;          // [2, nu] of this transition and the next
  int32_t inputs;            // [F + n + nu] of the mlp, normalised
  int32_t features;          // [F] raw
  int32_t hidden;            // [buffers, widest] hidden layers
  int32_t hidden_stride;     // from one of them to the next
  int32_t triangle;          // [n (n + 1) / 2] L, row by row
  int32_t cotangents;        // the same shape: dH/d(outputs of the mass network)
  int32_t factor;            // [n] L' p
  int32_t velocity;          // [n] Minv p
  int32_t feature_gradient;  // [F] dH/df
  int32_t total;             // floats in all, weights included
};

struct TileModel {
  int32_t num_positions;  // n
  int32_t num_controls;   // nu
  int32_t num_features;   // F
  int32_t num_angles;
  // Where position i enters f(q): its row, or its cosine's row where it is an angle (the sine lies
  // num_angles further on); -1 = ignored.
  int16_t feature_row[kMaxPositions];
  uint8_t is_angle[kMaxPositions];

  TileActivation activation;
  int32_t rates_of_positions;  // 1: the mlp's outputs are [dq, dv] (NODE), else dp alone
  int32_t learned_mass;
  int32_t mlp_sees_momentum;  // 1: MECHANICS, p in the place of v
  float mass_epsilon;

  TileMethod method;
  int32_t stages;
  int32_t substeps;
  float step;                                   // h, seconds
  float stage_weights[kMaxStages][kMaxStages];  // row s: of k_0 .. k_s in the state of stage s + 1
  float final_weights[kMaxStages];

  TileNetwork mlp, potential, mass;
  // layer i transposed, without a bias: gradients on their way back.
  TileNetwork potential_backward, mass_backward;

  // Offsets in the constants.
  int32_t input_mean, input_inverse_std, output_mean, output_std;
  int32_t potential_last;  // the potential's last weights, its cotangent at the last hidden layer
  int32_t num_constants;

  int64_t packed_size;  // floats of one ensemble member: constants first, then weights
  int32_t members;

  TileMemory memory;
};

// What the device knows of one lane.
struct TileLane {
  int64_t controls;  // where its controls begin, [rows, nu]
  int32_t horizon;   // transitions
  int32_t hold;      // transitions for which each row of controls is held
  int32_t range;     // the range of lanes that it belongs to
  int32_t unused;
};

// The lanes of one launch, those of the longest horizon first. Pointers are the device's.
struct TileBatch {
  const float* packed;           // [members, packed_size]
  float* carried;                // [members, lanes, 4n]: q, p and their residuals, in and out
  const float* controls;         // of all lanes
  const TileLane* lane;          // [lanes], ranges in rising order
  const volatile int32_t* stop;  // [ranges] set by the host when a range's caller has gone
  float* states;                 // [steps or 1, members, lanes, 2n]: q, v
  int32_t lanes;
  int32_t first_step;   // transitions done before this launch
  int32_t steps;        // transitions of this launch
  int32_t every_state;  // 1: `states` has them all; 0: each lane's last one
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_MODEL_H_
