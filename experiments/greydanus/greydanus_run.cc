#include "experiments/greydanus/greydanus_run.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "experiments/greydanus/derivative_data.h"
#include "experiments/greydanus/derivative_fit.h"
#include "experiments/greydanus/energy_rollouts.h"
#include "experiments/greydanus/pixel_data.h"
#include "experiments/greydanus/pixel_energy.h"
#include "experiments/greydanus/pixel_fit.h"
#include "experiments/greydanus/stepped_fit.h"
#include "experiments/partial_record.h"
#include "experiments/statistics.h"
#include "systems/mechanics/equations_of_motion.h"

namespace rollout {
namespace {

// Streams of a run's seed.
constexpr uint64_t kDataStream = 1, kStateStream = 2, kWeightStream = 3;

// Mean squared energy errors, one for each rollout, by the name of the series.
using EnergySeries = std::map<std::string, std::vector<double>>;

// A fit, its data, and how it is judged. One owner.
class Training {
 public:
  virtual ~Training() = default;
  virtual SteppedFit& fit() = 0;
  virtual absl::StatusOr<double> TrainLoss() const = 0;
  virtual absl::StatusOr<double> TestLoss() const = 0;
  virtual absl::StatusOr<EnergySeries> MeasureEnergy() const = 0;
};

// A task with states: its data, fit and energy. Owned by a run.
struct StateTask {
  using Fit = DerivativeFit;
  using Data = DerivativeData;

  static Data MakeData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                       uint64_t seed) {
    return MakeDerivativeData(mechanics, task, seed);
  }
  static absl::StatusOr<std::unique_ptr<Fit>> MakeFit(const Data& data,
                                                      const EquationsOfMotion& mechanics,
                                                      const GreydanusTask& task, DynamicsKind kind,
                                                      uint64_t seed) {
    return Fit::Create(
        data.train, mechanics.info().dt,
        {.kind = kind, .batch = task.batch, .weight_decay = task.weight_decay, .seed = seed});
  }
  static absl::StatusOr<EnergySeries> MeasureEnergy(const EquationsOfMotion& mechanics,
                                                    const GreydanusTask& task, const Fit& fit,
                                                    const std::vector<double>& first_states) {
    auto error = MeasureEnergyError(mechanics, task, fit.Model(), first_states);
    if (!error.ok()) return error.status();
    return EnergySeries{{"energy_mse", std::move(error->mean_squared)}};
  }
};

// A task with frames.
struct PixelTask {
  using Fit = PixelFit;
  using Data = PixelData;

  static Data MakeData(const EquationsOfMotion& mechanics, const GreydanusTask& task,
                       uint64_t seed) {
    return MakePixelData(mechanics, task, seed);
  }
  static absl::StatusOr<std::unique_ptr<Fit>> MakeFit(const Data& data,
                                                      const EquationsOfMotion& /*mechanics*/,
                                                      const GreydanusTask& task, DynamicsKind kind,
                                                      uint64_t seed) {
    const bool is_hnn = kind == DynamicsKind::kHnnCanonical;
    return Fit::Create(data.train, {.kind = is_hnn ? DynamicsKind::kPixelHnn : kind,
                                    .batch = task.batch,
                                    .weight_decay = task.weight_decay,
                                    .seed = seed});
  }
  static absl::StatusOr<EnergySeries> MeasureEnergy(const EquationsOfMotion& mechanics,
                                                    const GreydanusTask& task, const Fit& fit,
                                                    const std::vector<double>& first_states) {
    auto error = MeasurePixelEnergy(mechanics, task, fit, first_states);
    if (!error.ok()) return error.status();
    return EnergySeries{{"energy_mse", std::move(error->rollout)},
                        {"autoencoder_energy_mse", std::move(error->autoencoder)},
                        {"reading_energy_mse", std::move(error->reading)}};
  }
};

template <typename Task>
class TaskTraining final : public Training {
 public:
  static absl::StatusOr<std::unique_ptr<Training>> Make(const GreydanusTask& task,
                                                        DynamicsKind kind, uint64_t seed) {
    std::unique_ptr<TaskTraining> training(new TaskTraining(task, seed));
    auto fit = Task::MakeFit(training->data_, *training->mechanics_, task, kind,
                             DeriveSeed(seed, kWeightStream));
    if (!fit.ok()) return fit.status();
    training->fit_ = *std::move(fit);
    return training;
  }

  SteppedFit& fit() override { return *fit_; }
  absl::StatusOr<double> TrainLoss() const override { return fit_->Loss(data_.train); }
  absl::StatusOr<double> TestLoss() const override { return fit_->Loss(data_.test); }
  absl::StatusOr<EnergySeries> MeasureEnergy() const override {
    return Task::MeasureEnergy(*mechanics_, task_, *fit_, first_states_);
  }

 private:
  TaskTraining(const GreydanusTask& task, uint64_t seed)
      : task_(task),
        mechanics_(MakeEquationsOfMotion(task.system)),
        data_(Task::MakeData(*mechanics_, task, DeriveSeed(seed, kDataStream))),
        first_states_(EnergyFirstStates(*mechanics_, task, DeriveSeed(seed, kStateStream))) {}

  const GreydanusTask& task_;
  const std::unique_ptr<const EquationsOfMotion> mechanics_;
  const typename Task::Data data_;
  const std::vector<double> first_states_;
  std::unique_ptr<typename Task::Fit> fit_;
};

absl::Status Measure(const Training& training, const std::string& prefix, RunRecord* record) {
  auto energies = training.MeasureEnergy();
  if (!energies.ok()) return energies.status();
  for (auto& [name, errors] : *energies) {
    record->metrics[absl::StrCat(prefix, name, "_mean")] = Mean(errors);
    record->metrics[absl::StrCat(prefix, name, "_median")] = Median(errors);
    record->series[absl::StrCat(prefix, name)] = std::move(errors);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RunRecord> MakeGreydanusRun(const GreydanusTask& task, const GreydanusModel& model,
                                           int64_t steps, uint64_t seed,
                                           const RunContext& context) {
  auto training = task.films ? TaskTraining<PixelTask>::Make(task, model.kind, seed)
                             : TaskTraining<StateTask>::Make(task, model.kind, seed);
  if (!training.ok()) return training.status();
  RunRecord fresh;
  fresh.seed = seed;
  fresh.settings = {{"system", task.system}, {"model", model.name}, {"steps", absl::StrCat(steps)}};
  PartialRecord partial(context.partial + ".json", std::move(fresh));
  RunRecord& record = partial.record();
  const absl::Status fitted = StepToEnd((*training)->fit(), steps, context, &partial,
                                        [&] { return Measure(**training, "half_", &record); });
  if (!fitted.ok()) return fitted;
  const auto train_loss = (*training)->TrainLoss(), test_loss = (*training)->TestLoss();
  if (!train_loss.ok()) return train_loss.status();
  if (!test_loss.ok()) return test_loss.status();
  record.metrics["train_loss"] = *train_loss;
  record.metrics["test_loss"] = *test_loss;
  if (absl::Status s = Measure(**training, "", &record); !s.ok()) return s;
  return FinishSteps(context, &partial);
}

}  // namespace rollout
