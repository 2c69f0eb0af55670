// One layer of a network for all lanes of a tile, by all threads of a block.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_DENSE_TILE_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_DENSE_TILE_H_

#include "models/engines/cuda/tile_math.h"
#include "models/engines/cuda/tile_model.h"

namespace rollout::cuda {

// How a block of kThreads threads divides the outputs of a layer, for a tile of `kLanes` lanes: a
// thread sums kOutputs x kTileLanes of them in registers, over every kSplit-th input; the kSplit
// neighbouring threads with the same outputs then add up what they have. Rows of numbers, one for
// each lane, lie kStride apart, which keeps the rows that a warp reads together in different banks.
template <int kLanesOfTile>
struct TileShape;

template <>
struct TileShape<1> {
  static constexpr int kOutputs = 4, kTileLanes = 1, kSplit = 8, kNarrowSplit = 32, kStride = 1;
};
template <>
struct TileShape<8> {
  static constexpr int kOutputs = 4, kTileLanes = 8, kSplit = 8, kNarrowSplit = 32, kStride = 12;
};
template <>
struct TileShape<32> {
  static constexpr int kOutputs = 8, kTileLanes = 4, kSplit = 2, kNarrowSplit = 16, kStride = 36;
};
template <>
struct TileShape<64> {
  static constexpr int kOutputs = 8, kTileLanes = 4, kSplit = 1, kNarrowSplit = 8, kStride = 68;
};

// What becomes of the sums.
enum class Epilogue {
  kActivation,  // activation(sum + bias)
  kScaled,      // scale (sum + bias) + shift, the unpadded outputs alone
  kBiased,      // sum + bias
  kSlope,       // sum times the activation's slope where the destination holds the activation
  kSum,         // sum
  kAdded,       // destination + sum
};

// A layer's weights that a thread keeps in registers from launch to end: of kOutputs outputs and
// every kSplit-th of up to 128 inputs. For tiles of few lanes, which would otherwise wait for
// shared memory to deliver the same weights again in every evaluation.
inline constexpr int kResidentInputs = 16;
inline constexpr int kResidentOutputs = 4;
struct ResidentWeights {
  float weight[kResidentInputs][kResidentOutputs];
};

// Whether a layer fits into the registers of a block.
ROLLOUT_TILE bool FitsRegisters(const TileLayer& layer) {
  return layer.inputs <= 8 * kResidentInputs &&
         PadOutputs(layer.outputs) <= kResidentOutputs * (kThreads / 8);
}

template <int kCount>
struct Sums {
  float value[kCount];
};

// Computes layers for tiles of Shape. Block gives the threads: Each(f) calls f for every thread,
// Sync is the barrier, Private<T> holds one T for each thread, Fold adds over neighbouring threads.
template <class Block, int kLanes>
class DenseTile {
 public:
  using Shape = TileShape<kLanes>;
  static constexpr int kSums = Shape::kOutputs * Shape::kTileLanes;
  static constexpr int kLaneGroups = kLanes / Shape::kTileLanes;
  using Resident = typename Block::template Private<ResidentWeights>;

  struct Destination {
    float* rows;
    Epilogue epilogue;
    TileActivation activation;
    const float* bias;   // [padded outputs]
    const float* scale;  // [outputs], kScaled alone
    const float* shift;
  };

  // destination = epilogue(W x) of the rows at `x`; ends with a barrier. `packed` is where a layer
  // that is not in shared memory is read from.
  ROLLOUT_TILE static void Run(Block& block, const TileLayer& layer, const float* shared,
                               const float* packed, const float* x,
                               const Destination& destination) {
    const bool narrow =
        PadOutputs(layer.outputs) / Shape::kOutputs * kLaneGroups * Shape::kNarrowSplit <= kThreads;
    if (layer.shared >= 0) {
      const float* weights = shared + layer.shared;
      if (narrow) {
        RunSplit<Shape::kNarrowSplit>(block, layer, weights, x, destination);
      } else {
        RunSplit<Shape::kSplit>(block, layer, weights, x, destination);
      }
    } else {
      const float* weights = packed + layer.weights;
      if (narrow) {
        RunSplit<Shape::kNarrowSplit>(block, layer, weights, x, destination);
      } else {
        RunSplit<Shape::kSplit>(block, layer, weights, x, destination);
      }
    }
    block.Sync();
  }

  // Run, as a function that is called: one copy in a kernel that uses it from several places.
  ROLLOUT_TILE_CALL static void RunCalled(Block block, const TileLayer& layer, const float* shared,
                                          const float* packed, const float* x,
                                          Destination destination) {
    Run(block, layer, shared, packed, x, destination);
  }

  ROLLOUT_TILE static void LoadResident(Block& block, const TileLayer& layer, const float* packed,
                                        Resident& resident) {
    block.Each([&](int thread) {
      const int part = thread % Shape::kSplit;
      const int first = thread / Shape::kSplit * kResidentOutputs;
      ResidentWeights& mine = resident[thread];
      ROLLOUT_UNROLL
      for (int j = 0; j < kResidentInputs; ++j) {
        const int k = j * Shape::kSplit + part;
        const bool present = k < layer.inputs && first < PadOutputs(layer.outputs);
        const float* from = packed + layer.weights + k * layer.stride + first;
        ROLLOUT_UNROLL
        for (int o = 0; o < kResidentOutputs; ++o) mine.weight[j][o] = present ? from[o] : 0.0f;
      }
    });
  }

  // The same sums in the same order as Run, from weights in registers.
  ROLLOUT_TILE static void RunResident(Block& block, const TileLayer& layer, Resident& resident,
                                       const float* x, const Destination& destination) {
    static_assert(Shape::kOutputs == kResidentOutputs || kLanes > 8);
    typename Block::template Private<Sums<kSums>> sums;
    block.Each([&](int thread) {
      const int part = thread % Shape::kSplit;
      Sums<kSums>& mine = sums[thread];
      Clear(mine);
      ROLLOUT_UNROLL
      for (int j = 0; j < kResidentInputs; ++j) {
        // Rows up to the next multiple of eight are there, and have zero weights.
        if (j * Shape::kSplit < layer.inputs) {
          float values[Shape::kTileLanes];
          LoadLanes(x + (j * Shape::kSplit + part) * Shape::kStride, values);
          AddProducts(resident[thread].weight[j], values, mine);
        }
      }
    });
    Finish<Shape::kSplit>(block, layer, 0, sums, destination);
    block.Sync();
  }

 private:
  template <int kSplit>
  ROLLOUT_TILE static void RunSplit(Block& block, const TileLayer& layer, const float* weights,
                                    const float* x, const Destination& destination) {
    const int tiles = PadOutputs(layer.outputs) / Shape::kOutputs * kLaneGroups;
    constexpr int kTilesAtOnce = kThreads / kSplit;
    for (int first_tile = 0; first_tile < tiles; first_tile += kTilesAtOnce) {
      typename Block::template Private<Sums<kSums>> sums;
      block.Each([&](int thread) {
        Sums<kSums>& mine = sums[thread];
        Clear(mine);
        const int tile = first_tile + thread / kSplit;
        if (tile >= tiles) return;
        const int part = thread % kSplit;
        const float* weight = weights + part * layer.stride + FirstOutput(tile, layer);
        const float* value = x + part * Shape::kStride + FirstLane(tile, layer);
        const int weight_step = kSplit * layer.stride;
        ROLLOUT_UNROLL_BY_FOUR
        for (int k = part; k < layer.inputs; k += kSplit) {
          float w[Shape::kOutputs];
          float v[Shape::kTileLanes];
          ROLLOUT_UNROLL
          for (int o = 0; o < Shape::kOutputs; o += 4) {
            const Four four = LoadFour(weight + o);
            ROLLOUT_UNROLL
            for (int i = 0; i < 4; ++i) w[o + i] = four.value[i];
          }
          LoadLanes(value, v);
          AddProducts(w, v, mine);
          weight += weight_step;
          value += kSplit * Shape::kStride;
        }
      });
      Finish<kSplit>(block, layer, first_tile, sums, destination);
    }
  }

  // Which outputs and lanes a tile has. Neighbouring tiles differ in their lanes first, eight at a
  // time, so that a warp reads few different weights and few different rows.
  ROLLOUT_TILE static int FirstOutput(int tile, const TileLayer& layer) {
    constexpr int kNeighbours = kLaneGroups < 8 ? kLaneGroups : 8;
    const int groups = PadOutputs(layer.outputs) / Shape::kOutputs;
    return tile / kNeighbours % groups * Shape::kOutputs;
  }
  ROLLOUT_TILE static int FirstLane(int tile, const TileLayer& layer) {
    constexpr int kNeighbours = kLaneGroups < 8 ? kLaneGroups : 8;
    const int groups = PadOutputs(layer.outputs) / Shape::kOutputs;
    return (tile % kNeighbours + kNeighbours * (tile / (kNeighbours * groups))) * Shape::kTileLanes;
  }

  ROLLOUT_TILE static void Clear(Sums<kSums>& sums) {
    ROLLOUT_UNROLL
    for (int i = 0; i < kSums; ++i) sums.value[i] = 0.0f;
  }

  ROLLOUT_TILE static void LoadLanes(const float* row, float* values) {
    if constexpr (Shape::kTileLanes % 4 == 0) {
      ROLLOUT_UNROLL
      for (int l = 0; l < Shape::kTileLanes; l += 4) {
        const Four four = LoadFour(row + l);
        ROLLOUT_UNROLL
        for (int i = 0; i < 4; ++i) values[l + i] = four.value[i];
      }
    } else {
      ROLLOUT_UNROLL
      for (int l = 0; l < Shape::kTileLanes; ++l) values[l] = row[l];
    }
  }

  ROLLOUT_TILE static void AddProducts(const float* weights, const float* values,
                                       Sums<kSums>& sums) {
    ROLLOUT_UNROLL
    for (int o = 0; o < Shape::kOutputs; ++o) {
      ROLLOUT_UNROLL
      for (int l = 0; l < Shape::kTileLanes; ++l) {
        float& sum = sums.value[o * Shape::kTileLanes + l];
        sum = MultiplyAdd(weights[o], values[l], sum);
      }
    }
  }

  // Adds up the parts of the neighbouring threads; each then finishes its share of the outputs.
  template <int kSplit>
  ROLLOUT_TILE static void Finish(Block& block, const TileLayer& layer, int first_tile,
                                  typename Block::template Private<Sums<kSums>>& sums,
                                  const Destination& destination) {
    constexpr int kShare = kSums > kSplit ? kSums / kSplit : 1;
    constexpr int kSharers = kSums / kShare;  // of the kSplit threads; the others hold copies
    const int tiles = PadOutputs(layer.outputs) / Shape::kOutputs * kLaneGroups;
    block.template Fold<kSplit, kSums>(sums);
    block.Each([&](int thread) {
      const int tile = first_tile + thread / kSplit;
      const int part = thread % kSplit;
      if (tile >= tiles || part % (kSplit / kSharers) != 0) return;
      const int first = part / (kSplit / kSharers) * kShare;
      Write<kShare>(destination, sums[thread].value, first, FirstOutput(tile, layer),
                    FirstLane(tile, layer), layer.outputs);
    });
  }

  template <int kShare>
  ROLLOUT_TILE static void Write(const Destination& destination, const float* values, int first,
                                 int first_output, int first_lane, int outputs) {
    const auto apply = [&](auto function) {
      ForGroups<kShare>(destination, values, first, first_output, first_lane, outputs, function);
    };
    const float* bias = destination.bias;
    const float* scale = destination.scale;
    const float* shift = destination.shift;
    switch (destination.epilogue) {
      case Epilogue::kActivation:
        switch (destination.activation) {
          case TileActivation::kTanh:
            apply([=](float sum, int o, float) { return Tanh(sum + bias[o]); });
            break;
          case TileActivation::kRelu:
            apply([=](float sum, int o, float) {
              const float x = sum + bias[o];
              return x < 0.0f ? 0.0f : x;  // passes NaN on
            });
            break;
          case TileActivation::kSilu:
            apply([=](float sum, int o, float) {
              const float x = sum + bias[o];
              return x * Sigmoid(x);
            });
            break;
          case TileActivation::kSoftplus:
            apply([=](float sum, int o, float) { return Softplus(sum + bias[o]); });
            break;
        }
        break;
      case Epilogue::kScaled:
        apply([=](float sum, int o, float before) {
          return o < outputs ? MultiplyAdd(scale[o], sum + bias[o], shift[o]) : before;
        });
        break;
      case Epilogue::kBiased:
        apply([=](float sum, int o, float) { return sum + bias[o]; });
        break;
      case Epilogue::kSlope:
        apply([=](float sum, int, float y) { return sum * Slope(destination.activation, y); });
        break;
      case Epilogue::kSum:
        apply([=](float sum, int, float) { return sum; });
        break;
      case Epilogue::kAdded:
        apply([=](float sum, int, float before) { return before + sum; });
        break;
    }
  }

  // destination(o, lane) = function(sum, o, destination(o, lane)) for a thread's share, four lanes
  // at once where its share has them side by side.
  template <int kShare, class Function>
  ROLLOUT_TILE static void ForGroups(const Destination& destination, const float* values, int first,
                                     int first_output, int first_lane, int outputs,
                                     Function function) {
    constexpr int kGroup = Shape::kTileLanes % 4 == 0 && kShare % 4 == 0 ? 4 : 1;
    ROLLOUT_UNROLL
    for (int i = 0; i < kShare; i += kGroup) {
      const int output = first_output + (first + i) / Shape::kTileLanes;
      const int lane = first_lane + (first + i) % Shape::kTileLanes;
      if (destination.epilogue == Epilogue::kScaled && output >= outputs) continue;
      float* to = destination.rows + output * Shape::kStride + lane;
      if constexpr (kGroup == 4) {
        Four four = LoadFour(to);
        ROLLOUT_UNROLL
        for (int l = 0; l < 4; ++l) {
          four.value[l] = function(values[i + l], output, four.value[l]);
        }
        StoreFour(to, four);
      } else {
        *to = function(values[i], output, *to);
      }
    }
  }

 public:
  // The activation's slope where its value is y. SILU's does not follow from its value.
  ROLLOUT_TILE static float Slope(TileActivation activation, float y) {
    switch (activation) {
      case TileActivation::kTanh:
        return MultiplyAdd(-y, y, 1.0f);
      case TileActivation::kRelu:
        return y > 0.0f ? 1.0f : 0.0f;
      case TileActivation::kSoftplus:
        return -expm1f(-y);
      case TileActivation::kSilu:
        break;
    }
    return y;
  }
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_DENSE_TILE_H_
