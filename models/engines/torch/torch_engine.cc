#include "models/engines/torch/torch_engine.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "base/available_cores.h"
#include "models/dynamics/dynamics.h"
#include "models/engines/gradient_job_check.h"
#include "models/engines/job_check.h"
#include "models/engines/lane_objective.h"
#include "models/engines/rollout_objective.h"
#include "models/engines/torch/device.h"
#include "models/engines/torch/device_thread.h"
#include "models/engines/torch/lane_batch.h"
#include "models/engines/torch/rollout_gradient.h"
#include "models/integrators/integrator.h"

namespace rollout {
namespace {

// Below this many lanes of all members a second computing thread costs more in waking it than it
// computes. (Measured on two cores with 128 hidden units.)
constexpr int64_t kLanesWorthThreads = 512;

void UseThreads(int threads) {
  if (at::get_num_threads() != threads) at::set_num_threads(threads);
}

class TorchEngine : public Engine {
 public:
  TorchEngine(const TransitionModelSpec& spec, const EngineOptions& options,
              std::shared_ptr<DeviceThread> thread)
      : spec_(spec), device_name_(options.device), thread_(std::move(thread)) {
    threads_ = options.threads > 0 ? options.threads : NumAvailableCores();
  }

  // On the device's thread.
  absl::Status Prepare(const TransitionModel& model, TorchPrecision precision) {
    const at::NoGradGuard no_gradients;  // not inference mode: Gradient needs ordinary tensors
    auto device = OpenTorchDevice(device_name_);
    if (!device.ok()) return device.status();
    const bool exact =
        precision == TorchPrecision::kFloat64 || NeedsFloat64(spec_.integrator.method);
    options_ = at::TensorOptions(*device).dtype(exact ? at::kDouble : at::kFloat);
    UseThreads(1);

    auto objective = RolloutObjective::Find(spec_);
    if (!objective.ok()) return objective.status();
    objective_ = *objective;
    auto reward = DifferentiableReward::Find(spec_);
    if (!reward.ok()) return reward.status();
    reward_ = *reward;
    auto weights = ModelWeights::FromModel(model, options_);
    if (!weights.ok()) return weights.status();
    auto dynamics = MakeDynamics(spec_, *weights);
    if (!dynamics.ok()) return dynamics.status();
    dynamics_ = *std::move(dynamics);
    auto integrator = MakeIntegrator(spec_.integrator, spec_.transition_dt);
    if (!integrator.ok()) return integrator.status();
    integrator_ = *std::move(integrator);
    return absl::OkStatus();
  }

  absl::Status Check(const RolloutJob& job) const override { return ValidateJob(job, spec_); }

  absl::Status Compute(LaneFeed& feed) override {
    // Outside of the device's thread, so that they outlive its exceptions.
    std::vector<LaneRange> under_way;
    const absl::Status status = thread_->Run([&] { return ComputeHere(feed, &under_way); });
    for (const LaneRange& range : under_way) feed.Done(range, status);
    return status;
  }

  absl::Status Gradient(absl::Span<const GradientJob> jobs) override {
    for (const GradientJob& job : jobs) {
      if (absl::Status status = ValidateGradientJob(job, spec_); !status.ok()) return status;
    }
    return thread_->Run([&] {
      const c10::DeviceGuard guard(options_.device());
      for (const GradientJob& job : jobs) {
        UseThreads(job.lanes * spec_.ensemble_size < kLanesWorthThreads ? 1 : threads_);
        DifferentiateRollout(job, {spec_, *dynamics_, *integrator_, reward_, options_});
      }
      return absl::OkStatus();
    });
  }

  EngineInfo info() const override { return {"torch", device_name_}; }

 private:
  // Whatever waits joins, but not while another engine waits for the device: then the lanes under
  // way are the last ones.
  static std::vector<LaneRange> TakeAll(LaneFeed& feed, std::vector<LaneRange>* under_way) {
    std::vector<LaneRange> taken;
    while (feed.waiting_lanes() > 0) {
      taken.reserve(taken.size() + 1);
      under_way->reserve(under_way->size() + 1);
      const LaneRange range = feed.Next(std::numeric_limits<int64_t>::max());
      if (range.count == 0) break;
      taken.push_back(range);
      under_way->push_back(range);
    }
    return taken;
  }

  static void Release(const std::vector<LaneRange>& left, LaneFeed& feed,
                      std::vector<LaneRange>* under_way) {
    for (const LaneRange& range : left) {
      const auto found =
          std::find_if(under_way->begin(), under_way->end(), [&](const LaneRange& other) {
            return other.job == range.job && other.first == range.first;
          });
      under_way->erase(found);
      feed.Done(range, absl::OkStatus());
    }
  }

  // The control of the coming transition. Controls comes first: lanes may change members in it.
  HeldControl BatchControl(LaneBatch& batch) const {
    const at::Tensor controls = batch.Controls();
    return dynamics_->Hold(batch.carried(), controls);
  }

  // `under_way` always holds what was taken and is not done.
  absl::Status ComputeHere(LaneFeed& feed, std::vector<LaneRange>* under_way) {
    const c10::InferenceMode inference;
    const c10::DeviceGuard guard(options_.device());
    LaneBatch batch(spec_, objective_, *dynamics_, options_);
    bool last = false;
    while (true) {
      if (!last) batch.Join(TakeAll(feed, under_way));
      last = last || thread_->OthersWait();
      if (batch.empty()) return absl::OkStatus();
      UseThreads(batch.lanes() * spec_.ensemble_size < kLanesWorthThreads ? 1 : threads_);
      const HeldControl control = BatchControl(batch);
      batch.Advance(integrator_->Transition(*dynamics_, batch.carried(), control));
      feed.BetweenTransitions();
      Release(batch.Leave(), feed, under_way);
    }
  }

  const TransitionModelSpec spec_;
  const std::string device_name_;
  int threads_ = 1;
  RolloutObjective objective_;
  DifferentiableReward reward_;
  at::TensorOptions options_;
  std::unique_ptr<Dynamics> dynamics_;
  std::unique_ptr<Integrator> integrator_;
  std::shared_ptr<DeviceThread> thread_;
};

absl::StatusOr<std::unique_ptr<Engine>> Create(const TransitionModel& model,
                                               const EngineOptions& options) {
  return MakeTorchEngine(model, options, TorchPrecision::kFloat32);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Engine>> MakeTorchEngine(const TransitionModel& model,
                                                        const EngineOptions& options,
                                                        TorchPrecision precision) {
  if (absl::Status status = ValidateSpec(model.spec); !status.ok()) return status;
  auto thread = DeviceThread::For(options.device);
  auto engine = std::make_unique<TorchEngine>(model.spec, options, thread);
  absl::Status status = thread->Run([&] { return engine->Prepare(model, precision); });
  if (!status.ok()) return status;
  return engine;
}

const EngineModule& TorchEngineModule() {
  static constexpr EngineModule kModule{kEngineAbiVersion, "torch", &Create};
  return kModule;
}

}  // namespace rollout
