#include "tests/trainer/every_kind/trained_kind.h"

#include <ATen/Parallel.h>

#include <memory>
#include <utility>

#include "base/random.h"
#include "experiments/greydanus/pixel_fit.h"
#include "models/engines/torch/torch_engine.h"
#include "systems/mechanics/equations_of_motion.h"
#include "tests/trainer/fitting/pendulum_data.h"
#include "trainer/fitting/fitter.h"

namespace rollout {
namespace {

constexpr int kSteps = 30;

struct Learned {
  TransitionModel model;
  double first_loss = 0.0, last_loss = 0.0;
};

FitOptions OptionsFor(const KindCase& kind) {
  FitOptions options;
  options.name = kind.name;
  options.dynamics = {.kind = kind.kind, .hidden_sizes = {16, 16}};
  options.dynamics.has_force = kind.has_force;
  if (kind.kind == DynamicsKind::kHnn || kind.kind == DynamicsKind::kHnnNonseparable ||
      kind.kind == DynamicsKind::kMechanics) {
    options.dynamics.mass = MassKind::kLearned;
  }
  if (kind.kind == DynamicsKind::kNodeRecurrent) options.dynamics.memory_size = 8;
  options.integrator = {.method = DefaultIntegrator(kind.kind), .substeps = 2};
  options.window_states = 4;
  options.batch = 100000;  // every window in every step: losses are comparable
  options.steps = kSteps;
  options.learning_rate = 3e-3;
  options.symplectic_weight = kind.symplectic_weight;
  options.seed = 5;
  return options;
}

absl::StatusOr<Learned> FitWindows(const KindCase& kind) {
  FitData data = PendulumData(4, 30);
  if (kind.kind == DynamicsKind::kHnnCanonical) {
    data.info.angular_positions.clear();
    data.info.ignored_positions.clear();
  }
  const FitOptions options = OptionsFor(kind);
  const auto statistics = MeasureData(data.training, data.info);
  if (!statistics.ok()) return statistics.status();
  auto set = MakeTrainingSet(data.training, data.info, options.window_states);
  if (!set.ok()) return set.status();
  const auto spec = MakeFitSpec(data.info, *statistics, options);
  if (!spec.ok()) return spec.status();
  auto fitter = Fitter::Create(*std::move(set), *statistics, *spec, options, nullptr);
  if (!fitter.ok()) return fitter.status();
  Learned learned;
  while (!(*fitter)->done()) {
    if (absl::Status status = (*fitter)->Step(); !status.ok()) return status;
    if ((*fitter)->step() == 1) learned.first_loss = (*fitter)->loss();
  }
  learned.last_loss = (*fitter)->loss();
  learned.model = (*fitter)->Model();
  return learned;
}

absl::StatusOr<Learned> FitPixels(const KindCase& kind) {
  const std::unique_ptr<const EquationsOfMotion> mechanics =
      MakeEquationsOfMotion("pixel_pendulum");
  GreydanusTask task = GreydanusTasks().back();
  task.trajectories = 4;
  const PixelData data = MakePixelData(*mechanics, task, 1);
  auto fit = PixelFit::Create(
      data.train, {.hidden_sizes = {16, 16}, .autoencoder_width = 24, .batch = 50, .seed = 5});
  if (!fit.ok()) return fit.status();
  Learned learned;
  const auto first = (*fit)->Loss(data.train);
  if (!first.ok()) return first.status();
  for (int step = 0; step < kSteps; ++step) {
    if (absl::Status status = (*fit)->Step(); !status.ok()) return status;
  }
  const auto last = (*fit)->Loss(data.train);
  if (!last.ok()) return last.status();
  learned.first_loss = *first;
  learned.last_loss = *last;
  auto model = (*fit)->Model(kind.name, mechanics->info().dt);
  if (!model.ok()) return model.status();
  learned.model = *std::move(model);
  return learned;
}

absl::StatusOr<GoldenSet> RollOut(const TransitionModel& model) {
  auto engine = MakeTorchEngine(model, EngineOptions{}, TorchPrecision::kFloat32);
  if (!engine.ok()) return engine.status();
  GoldenSet golden;
  golden.lanes = 3;
  golden.horizon = 25;
  const int64_t size = model.spec.state_size();
  Random random(6);
  golden.initial_state.resize(golden.lanes * size);
  for (float& value : golden.initial_state) value = static_cast<float>(random.Uniform(-0.5, 0.5));
  golden.controls.resize(golden.lanes * golden.horizon * model.spec.num_controls);
  for (float& value : golden.controls) value = static_cast<float>(random.Uniform(-1.0, 1.0));
  golden.trajectory.resize(golden.lanes * (golden.horizon + 1) * size);
  RolloutJob job;
  job.lanes = golden.lanes;
  job.horizon = golden.horizon;
  job.initial_states = golden.initial_state;
  job.controls = golden.controls;
  job.trajectory = absl::MakeSpan(golden.trajectory);
  if (absl::Status status = (*engine)->Rollout({job}); !status.ok()) return status;
  return golden;
}

}  // namespace

std::vector<KindCase> EveryKind() {
  return {{"NODE", DynamicsKind::kNode},
          {"NODE_SO", DynamicsKind::kNodeSo},
          {"MECHANICS", DynamicsKind::kMechanics},
          {"MECHANICS_REGULARISED", DynamicsKind::kMechanics, false, 1e-2},
          {"HNN", DynamicsKind::kHnn},
          {"HNN_NONSEPARABLE", DynamicsKind::kHnnNonseparable},
          {"HNN_CANONICAL", DynamicsKind::kHnnCanonical},
          {"SYMODEN", DynamicsKind::kHnn, true},
          {"NODE_RECURRENT", DynamicsKind::kNodeRecurrent},
          {"PIXEL_HNN", DynamicsKind::kPixelHnn}};
}

absl::StatusOr<TrainedKind> Train(const KindCase& kind) {
  at::set_num_threads(1);
  auto learned = kind.kind == DynamicsKind::kPixelHnn ? FitPixels(kind) : FitWindows(kind);
  if (!learned.ok()) return learned.status();
  auto rollouts = RollOut(learned->model);
  if (!rollouts.ok()) return rollouts.status();
  return TrainedKind{std::move(learned->model), learned->first_loss, learned->last_loss,
                     *std::move(rollouts)};
}

}  // namespace rollout
