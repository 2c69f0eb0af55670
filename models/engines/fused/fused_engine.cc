#include "models/engines/fused/fused_engine.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/available_cores.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/gradient_groups.h"
#include "models/engines/fused/lane_group.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/scalar_kernel.h"
#include "models/engines/fused/thread_pool.h"
#include "models/engines/fused/vector_kernel.h"
#include "models/engines/job_check.h"
#include "models/engines/rollout_objective.h"

namespace rollout {
namespace fused {
namespace {

constexpr int kMaxGroupLanes = 32;

int ThreadCount(const EngineOptions& options) {
  return options.threads > 0 ? options.threads : NumAvailableCores();
}

// The engine of one model: a pool of threads, each with its own group of lanes.
class FusedCpuEngine final : public Engine {
 public:
  FusedCpuEngine(const TransitionModelSpec& spec, FusedModel model,
                 const RolloutObjective& objective, const DifferentiableReward& reward, int threads)
      : spec_(spec),
        objective_(objective),
        model_(std::move(model)),
        pool_(threads),
        gradients_(spec_, reward, model_, &pool_) {
    if (VectorLanes() > 1) packed_ = MakePackedModel(model_, VectorLanes());
    for (int i = 0; i < threads; ++i) {
      groups_.push_back(
          std::make_unique<LaneGroup>(model_, spec_, objective_, MakeKernel(), kMaxGroupLanes));
    }
  }

  absl::Status Check(const RolloutJob& job) const override { return ValidateJob(job, spec_); }

  absl::Status Compute(LaneFeed& feed) override {
    LaneSharing sharing;
    sharing.pool = &pool_;
    pool_.Run([&](int index) { groups_[index]->Run(feed, sharing); });
    return absl::OkStatus();
  }

  absl::Status Gradient(absl::Span<const GradientJob> jobs) override {
    return gradients_.Compute(jobs, packed_.get());
  }

  EngineInfo info() const override { return {.engine = "fused", .device = "cpu"}; }

 private:
  std::unique_ptr<TransitionKernel> MakeKernel() const {
    if (packed_ == nullptr) return std::make_unique<ScalarKernel>(model_);
    return MakeVectorKernel(*packed_);
  }

  const TransitionModelSpec spec_;
  const RolloutObjective objective_;
  const FusedModel model_;
  std::unique_ptr<const PackedModel> packed_;       // nullptr: this CPU has no vectors that we know
  std::vector<std::unique_ptr<LaneGroup>> groups_;  // [threads]
  ThreadPool pool_;
  GradientGroups gradients_;
};

absl::StatusOr<std::unique_ptr<Engine>> Create(const TransitionModel& model,
                                               const EngineOptions& options) {
  if (options.device != "cpu") {
    return absl::UnavailableError(
        absl::StrCat("the fused CPU engine has no device ", options.device));
  }
  auto fused_model = MakeFusedModel(model);
  if (!fused_model.ok()) return fused_model.status();
  const auto objective = RolloutObjective::Find(model.spec);
  if (!objective.ok()) return objective.status();
  const auto reward = DifferentiableReward::Find(model.spec);
  if (!reward.ok()) return reward.status();
  try {
    return std::make_unique<FusedCpuEngine>(model.spec, *std::move(fused_model), *objective,
                                            *reward, ThreadCount(options));
  } catch (const std::exception& error) {  // memory or threads
    return absl::ResourceExhaustedError(
        absl::StrCat("the fused engine of model ", model.spec.name, ": ", error.what()));
  }
}

}  // namespace
}  // namespace fused

const EngineModule& FusedCpuEngineModule() {
  static const EngineModule module = {kEngineAbiVersion, "fused", &fused::Create};
  return module;
}

}  // namespace rollout
