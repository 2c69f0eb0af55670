#include "models/engines/cuda/tile_engine.h"

#include <algorithm>
#include <exception>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "models/engines/cuda/job_batch.h"
#include "models/engines/cuda/pack_tiles.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/scalar_dynamics.h"
#include "models/engines/rollout_outputs.h"

namespace rollout::cuda {
namespace {

class TileEngine final : public Engine {
 public:
  TileEngine(const TransitionModelSpec& spec, fused::FusedModel model,
             const RolloutObjective& objective, std::unique_ptr<TileDevice> device,
             const TileEngineOptions& options)
      : spec_(spec),
        model_(std::move(model)),
        objective_(objective),
        options_(options),
        device_(std::move(device)) {
    for (int member = 0; model_.learned_mass && member < spec.ensemble_size; ++member) {
      entry_.emplace_back(model_, member);
    }
  }

  // Plans the tiles and loads the weights.
  absl::Status Prepare() {
    const PackedTiles packed = PackTiles(spec_, model_);
    const DeviceLimits& limits = device_->limits();
    for (const int lanes : kTileLanes) {
      if (options_.tile_lanes != 0 && options_.tile_lanes != lanes) continue;
      if (auto planned = PlanTiles(packed.model, lanes, limits.shared_bytes)) {
        plans_.emplace(lanes, *planned);
        available_.push_back(lanes);
      }
    }
    if (plans_.empty()) {
      return absl::UnimplementedError(
          absl::StrCat("the fused CUDA engine does not compute model ", spec_.name,
                       ": its activations do not fit into the ", limits.shared_bytes,
                       " bytes of shared memory of a block on ", limits.name));
    }
    return device_->Load(packed.numbers);
  }

  absl::Status Rollout(absl::Span<const RolloutJob> jobs) override {
    if (!lost_.ok()) return lost_;
    std::vector<const RolloutJob*> all;
    for (const RolloutJob& job : jobs) {
      if (absl::Status status = ValidateJob(job, spec_); !status.ok()) return status;
      all.push_back(&job);
    }
    try {
      absl::Status status = ComputeWithinMemory(all);
      if (absl::IsUnavailable(status)) lost_ = status;
      if (absl::IsResourceExhausted(status)) return absl::UnavailableError(status.message());
      return status;
    } catch (const std::exception& error) {  // memory of the host
      return absl::ResourceExhaustedError(
          absl::StrCat("the fused CUDA engine of model ", spec_.name, ": ", error.what()));
    }
  }

  EngineInfo info() const override { return {.engine = "fused", .device = device_->limits().name}; }

 private:
  // Computes all jobs at once, or, where memory does not suffice, half of them after the other.
  absl::Status ComputeWithinMemory(absl::Span<const RolloutJob* const> jobs) {
    absl::Status status = Compute(jobs);
    if (!absl::IsResourceExhausted(status) || jobs.size() < 2) return status;
    const size_t half = jobs.size() / 2;
    status = ComputeWithinMemory(jobs.first(half));
    if (!status.ok()) return status;
    return ComputeWithinMemory(jobs.subspan(half));
  }

  absl::Status Compute(absl::Span<const RolloutJob* const> jobs) {
    JobBatch batch(jobs, spec_, objective_);
    if (batch.empty()) return absl::OkStatus();
    const int64_t states_of_step = batch.lanes() * spec_.ensemble_size * spec_.state_size();
    Segment segment;
    segment.every_state = batch.wants_every_state();
    segment.tile_lanes = ChooseTileLanes(batch.lanes(), spec_.ensemble_size,
                                         device_->limits().multiprocessors, available_);
    const int64_t most_steps = segment.every_state
                                   ? std::max<int64_t>(1, options_.segment_states / states_of_step)
                                   : batch.horizon();
    BatchSizes sizes = batch.Sizes();
    sizes.states =
        states_of_step * (segment.every_state ? std::min<int64_t>(most_steps, batch.horizon()) : 1);
    const absl::StatusOr<BatchInputs> inputs = device_->Prepare(sizes);
    if (!inputs.ok()) return inputs.status();
    batch.Fill(absl::MakeSpan(entry_), *inputs);
    if (absl::Status status = device_->Upload(); !status.ok()) return status;

    Segment under_way[2];
    int started = 0;
    for (int64_t first = 0; first < batch.horizon(); first += most_steps, ++started) {
      segment.first_step = static_cast<int>(first);
      segment.steps = static_cast<int>(std::min(most_steps, batch.horizon() - first));
      const int slot = started % 2;
      if (started >= 2) {
        if (absl::Status status = Collect(slot, under_way[slot], *inputs, &batch); !status.ok()) {
          return status;
        }
      }
      under_way[slot] = segment;
      const TileModel& plan = plans_.at(segment.tile_lanes);
      if (absl::Status status = device_->Start(slot, plan, segment); !status.ok()) return status;
    }
    for (int i = std::max(0, started - 2); i < started; ++i) {
      if (absl::Status status = Collect(i % 2, under_way[i % 2], *inputs, &batch); !status.ok()) {
        return status;
      }
    }
    batch.Finish();
    return absl::OkStatus();
  }

  // Waits for a segment and writes its states. The thread asks again and again, since a rollout of
  // one lane is done in less time than it takes to wake up.
  absl::Status Collect(int slot, const Segment& segment, const BatchInputs& inputs,
                       JobBatch* batch) {
    while (true) {
      const absl::StatusOr<bool> done = device_->Done(slot);
      if (!done.ok()) return done.status();
      if (*done) break;
      batch->WatchCancellation(inputs);
      std::this_thread::yield();
    }
    batch->Write(segment, device_->States(slot));
    return absl::OkStatus();
  }

  const TransitionModelSpec spec_;
  const fused::FusedModel model_;
  const RolloutObjective objective_;
  const TileEngineOptions options_;
  const std::unique_ptr<TileDevice> device_;
  std::vector<fused::ScalarDynamics<double>> entry_;  // [E] with a learned mass
  std::map<int, TileModel> plans_;                    // by lanes of a tile
  std::vector<int> available_;                        // keys of plans_
  absl::Status lost_;                                 // why the device does not work any more
};

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeTileEngine(const TransitionModel& model,
                                                       std::unique_ptr<TileDevice> device,
                                                       const TileEngineOptions& options) {
  if (absl::Status status = CheckTilesTake(model.spec); !status.ok()) return status;
  auto fused_model = fused::MakeFusedModel(model);
  if (!fused_model.ok()) return fused_model.status();
  const auto objective = RolloutObjective::Find(model.spec);
  if (!objective.ok()) return objective.status();
  auto engine = std::make_unique<TileEngine>(model.spec, *std::move(fused_model), *objective,
                                             std::move(device), options);
  if (absl::Status status = engine->Prepare(); !status.ok()) return status;
  return engine;
}

}  // namespace rollout::cuda
