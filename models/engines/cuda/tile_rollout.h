// Rollouts of one tile of lanes: the loop over transitions and substeps, inside the kernel.
#ifndef ROLLOUT_MODELS_ENGINES_CUDA_TILE_ROLLOUT_H_
#define ROLLOUT_MODELS_ENGINES_CUDA_TILE_ROLLOUT_H_

#include "models/engines/cuda/tile_dynamics.h"

namespace rollout::cuda {

// One tile of a launch: up to kLanes neighbouring lanes of one ensemble member. Lives in the
// kernel, one object for each thread. `shared` holds model.memory.total floats, aligned to 16
// bytes.
template <class Block, int kLanes, bool kHamiltonian>
class TileRollout {
 public:
  using Dynamics = TileDynamics<Block, kLanes, kHamiltonian>;
  static constexpr int kStride = TileShape<kLanes>::kStride;

  ROLLOUT_TILE TileRollout(Block& block, const TileModel& model, const TileBatch& batch, int tile,
                           float* shared)
      : block_(block),
        model_(model),
        batch_(batch),
        shared_(shared),
        member_(tile / Tiles(batch)),
        first_lane_(tile % Tiles(batch) * kLanes),
        lanes_(batch.lanes - first_lane_ < kLanes ? batch.lanes - first_lane_ : kLanes),
        packed_(batch.packed + member_ * model.packed_size),
        dynamics_(block, model, shared, packed_) {}

  ROLLOUT_TILE static int Tiles(const TileBatch& batch) {
    return (batch.lanes + kLanes - 1) / kLanes;
  }

  // Takes the lanes batch.steps transitions further, or until none is left.
  ROLLOUT_TILE void Run() {
    LoadWeights();
    LoadState();
    const int end = batch_.first_step + batch_.steps;
    FetchControls(batch_.first_step, 0);
    block_.Each([&](int thread) { gone_[thread] = 0; });
    for (int t = batch_.first_step; t < end; ++t) {
      const int parity = (t - batch_.first_step) % 2;
      block_.WaitForCopies();
      if (Finished(t)) break;
      if (t + 1 < end) FetchControls(t + 1, 1 - parity);
      dynamics_.TileRows(model_.num_controls, [&](int c, int lane) {
        dynamics_.ElementControl(c, lane, Controls(parity)[c * kStride + lane]);
      });
      for (int substep = 0; substep < model_.substeps; ++substep) Substep();
      Report(t);
    }
    StoreState();
  }

 private:
  ROLLOUT_TILE float* State(int row, int lane) const {
    return dynamics_.Row(model_.memory.state, row, lane);
  }
  ROLLOUT_TILE float* Residual(int row, int lane) const {
    return dynamics_.Row(model_.memory.residual, row, lane);
  }
  ROLLOUT_TILE float* Rates(int stage) const {
    return shared_ + model_.memory.rates + stage * 2 * model_.num_positions * kStride;
  }
  ROLLOUT_TILE float* Controls(int parity) const {
    return shared_ + model_.memory.controls + parity * model_.num_controls * kStride;
  }
  ROLLOUT_TILE TilePoint Current() const { return {State(0, 0), State(model_.num_positions, 0)}; }

  // Constants, and the layers that have a place in shared memory.
  ROLLOUT_TILE void LoadWeights() {
    Copy(model_.memory.constants, 0, model_.num_constants);
    LoadNetwork(model_.mlp);
    LoadNetwork(model_.potential);
    LoadNetwork(model_.mass);
    LoadNetwork(model_.potential_backward);
    LoadNetwork(model_.mass_backward);
  }
  ROLLOUT_TILE void LoadNetwork(const TileNetwork& network) {
    for (int i = 0; i < network.layers; ++i) {
      const TileLayer& layer = network.layer[i];
      if (layer.shared >= 0) Copy(layer.shared, layer.weights, layer.inputs * layer.stride);
    }
  }
  ROLLOUT_TILE void Copy(int to, int from, int count) {
    block_.Each([&](int thread) {
      for (int i = thread * 4; i < count; i += kThreads * 4) {
        StoreFour(shared_ + to + i, LoadFour(packed_ + from + i));
      }
    });
  }

  // Lanes that a last tile lacks repeat its last lane and are never reported.
  ROLLOUT_TILE int Lane(int lane) const {
    return first_lane_ + (lane < lanes_ ? lane : lanes_ - 1);
  }
  ROLLOUT_TILE float* Carried(int lane) const {
    const int64_t index = static_cast<int64_t>(member_) * batch_.lanes + Lane(lane);
    return batch_.carried + index * 4 * model_.num_positions;
  }

  ROLLOUT_TILE void LoadState() {
    const int n = model_.num_positions;
    block_.Sync();  // the constants are there
    dynamics_.TileRows(n, [&](int i, int lane) {
      const float* carried = Carried(lane);
      *State(i, lane) = carried[i];
      *State(n + i, lane) = carried[n + i];
      *Residual(i, lane) = carried[2 * n + i];
      *Residual(n + i, lane) = carried[3 * n + i];
      dynamics_.ElementInputs(Current(), i, lane);
    });
  }

  ROLLOUT_TILE void StoreState() {
    const int n = model_.num_positions;
    dynamics_.TileRows(n, [&](int i, int lane) {
      if (lane >= lanes_) return;
      float* carried = Carried(lane);
      carried[i] = *State(i, lane);
      carried[n + i] = *State(n + i, lane);
      carried[2 * n + i] = *Residual(i, lane);
      carried[3 * n + i] = *Residual(n + i, lane);
    });
  }

  // Starts to read the controls of transition t while the one before it is computed.
  ROLLOUT_TILE void FetchControls(int t, int parity) {
    const int nu = model_.num_controls;
    block_.Each([&](int thread) {
      for (int i = thread; i < nu * kLanes; i += kThreads) {
        const int c = i % nu;
        const int lane = i / nu;
        const TileLane& mine = batch_.lane[Lane(lane)];
        // A lane that has reached its horizon keeps its last controls.
        const int row = (t < mine.horizon ? t : mine.horizon - 1) / mine.hold;
        block_.CopyAsync(Controls(parity) + c * kStride + lane,
                         batch_.controls + mine.controls + static_cast<int64_t>(row) * nu + c);
      }
    });
  }

  // Whether nobody waits for transition t: every lane is at its horizon, or its caller has gone.
  // Lanes are sorted by falling horizon. Judged by the first thread, which tells the others; ends
  // with a barrier. The flag of the first lane's caller lies in the host's memory and is read one
  // transition ahead; the others, if there are any, only where that one has gone.
  ROLLOUT_TILE bool Finished(int t) {
    int* verdict = reinterpret_cast<int*>(shared_ + model_.memory.verdict);
    block_.Each([&](int thread) {
      if (thread != 0) return;
      const int first = batch_.lane[first_lane_].range;
      bool finished = gone_[thread] != 0;
      if (finished) {
        const int last = batch_.lane[first_lane_ + lanes_ - 1].range;
        for (int range = first + 1; range <= last; ++range) {
          finished = finished && batch_.stop[range] != 0;
        }
      }
      *verdict = finished || t >= batch_.lane[first_lane_].horizon ? 1 : 0;
      gone_[thread] = batch_.stop[first];
    });
    block_.Sync();
    return *verdict != 0;
  }

  // Every method is a sequence of evaluations of dz/dt, each followed by what it is good for.
  ROLLOUT_TILE void Substep() {
    const int n = model_.num_positions;
    const bool runge_kutta = model_.method == TileMethod::kRungeKutta;
    const int evaluations = runge_kutta                              ? model_.stages
                            : model_.method == TileMethod::kLeapfrog ? 2
                                                                     : 1;
    const float* stage = shared_ + model_.memory.stage;
    for (int s = 0; s < evaluations; ++s) {
      const TilePoint point =
          runge_kutta && s > 0 ? TilePoint{stage, stage + n * kStride} : Current();
      float* rates = Rates(runge_kutta ? s : 0);
      dynamics_.TileRates(point, rates);
      dynamics_.TileRows(n, [&](int i, int lane) {
        dynamics_.ElementRates(point, rates, i, lane);
        switch (model_.method) {
          case TileMethod::kRungeKutta:
            ElementRungeKutta(s, i, lane);
            break;
          case TileMethod::kConstantAcceleration:
            ElementConstantAcceleration(i, lane);
            break;
          case TileMethod::kSymplecticEuler:
            ElementKick(model_.step, i, lane);
            break;
          case TileMethod::kLeapfrog:
            ElementKick(0.5f * model_.step, i, lane);
            break;
        }
      });
      if (model_.method == TileMethod::kSymplecticEuler ||
          (model_.method == TileMethod::kLeapfrog && s == 0)) {
        TileDrift();
      }
    }
  }

  // k_0 = f(z), k_s = f(z + h sum_r a_sr k_r), z += h sum_s b_s k_s.
  ROLLOUT_TILE void ElementRungeKutta(int s, int i, int lane) const {
    const int n = model_.num_positions;
    const bool last = s + 1 == model_.stages;
    const float* weights = last ? model_.final_weights : model_.stage_weights[s];
    float* stage = shared_ + model_.memory.stage;
    for (int row = i; row < 2 * n; row += n) {
      float sum = 0.0f;
      for (int r = 0; r <= s; ++r) {
        sum = MultiplyAdd(weights[r], Rates(r)[row * kStride + lane], sum);
      }
      if (last) {
        AddCompensated(model_.step * sum, State(row, lane), Residual(row, lane));
      } else {
        stage[row * kStride + lane] = MultiplyAdd(model_.step, sum, *State(row, lane));
      }
    }
    dynamics_.ElementInputs(last ? Current() : TilePoint{stage, stage + n * kStride}, i, lane);
  }

  // q += h v + h^2 a / 2, v += h a.
  ROLLOUT_TILE void ElementConstantAcceleration(int i, int lane) const {
    const int n = model_.num_positions;
    const float h = model_.step;
    const float a = Rates(0)[(n + i) * kStride + lane];
    const float mean_velocity = MultiplyAdd(0.5f * h, a, *State(n + i, lane));
    AddCompensated(h * mean_velocity, State(i, lane), Residual(i, lane));
    AddCompensated(h * a, State(n + i, lane), Residual(n + i, lane));
    dynamics_.ElementInputs(Current(), i, lane);
  }

  // p += h dp(q, p, u).
  ROLLOUT_TILE void ElementKick(float h, int i, int lane) const {
    const int row = model_.num_positions + i;
    AddCompensated(h * Rates(0)[row * kStride + lane], State(row, lane), Residual(row, lane));
    dynamics_.ElementInputs(Current(), i, lane);
  }

  // q += h dq(q, p): at the same q as the kick before it, whose L still stands.
  ROLLOUT_TILE void TileDrift() {
    const int n = model_.num_positions;
    if constexpr (kHamiltonian) {
      if (model_.learned_mass != 0) dynamics_.TileVelocity(State(n, 0), false);
    }
    dynamics_.TileRows(n, [&](int i, int lane) {
      float dq = *State(n + i, lane);
      if constexpr (kHamiltonian) {
        if (model_.learned_mass != 0) dq = *dynamics_.Row(model_.memory.velocity, i, lane);
      }
      AddCompensated(model_.step * dq, State(i, lane), Residual(i, lane));
      dynamics_.ElementInputs(Current(), i, lane);
    });
  }

  // Writes [q, v] after transition t, where somebody wants it.
  ROLLOUT_TILE void Report(int t) {
    const int n = model_.num_positions;
    const bool some_end = t + 1 >= batch_.lane[first_lane_ + lanes_ - 1].horizon;
    if (batch_.every_state == 0 && !some_end) return;
    int velocities = model_.memory.state + n * kStride;
    if constexpr (kHamiltonian) {
      if (model_.learned_mass != 0) {
        dynamics_.TileMassFactor();
        dynamics_.TileVelocity(State(n, 0), false);
        velocities = model_.memory.velocity;
      }
    }
    const int64_t members = model_.members;
    const int64_t step = batch_.every_state != 0 ? t - batch_.first_step : 0;
    float* states =
        batch_.states + ((step * members + member_) * batch_.lanes + first_lane_) * 2 * n;
    block_.Each([&](int thread) {
      for (int i = thread; i < lanes_ * 2 * n; i += kThreads) {
        const int lane = i / (2 * n);
        const int row = i % (2 * n);
        const int horizon = batch_.lane[first_lane_ + lane].horizon;
        if (batch_.every_state != 0 ? t >= horizon : t + 1 != horizon) continue;
        states[i] = row < n ? *State(row, lane) : *dynamics_.Row(velocities, row - n, lane);
      }
    });
    block_.Sync();
  }

  Block& block_;
  const TileModel& model_;
  const TileBatch& batch_;
  float* const shared_;
  const int member_;
  const int first_lane_;
  const int lanes_;
  const float* const packed_;
  Dynamics dynamics_;
  typename Block::template Private<int> gone_;
};

}  // namespace rollout::cuda

#endif  // ROLLOUT_MODELS_ENGINES_CUDA_TILE_ROLLOUT_H_
