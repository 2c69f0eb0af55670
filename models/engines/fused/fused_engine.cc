#include "models/engines/fused/fused_engine.h"

#include <algorithm>
#include <exception>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/engines/fused/fused_model.h"
#include "models/engines/fused/lane_group.h"
#include "models/engines/fused/packed_model.h"
#include "models/engines/fused/scalar_kernel.h"
#include "models/engines/fused/thread_pool.h"
#include "models/engines/fused/vector_kernel.h"
#include "models/rewards/reward.h"

namespace rollout {
namespace fused {
namespace {

constexpr int kMaxGroupLanes = 32;

int ThreadCount(const EngineOptions& options) {
  if (options.threads > 0) return options.threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

absl::StatusOr<Scoring> MakeScoring(const TransitionModelSpec& spec) {
  Scoring scoring;
  scoring.dt = spec.transition_dt;
  if (!spec.reward.empty()) {
    auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
    if (!reward.ok()) return reward.status();
    scoring.reward = *reward;
  }
  if (!spec.termination.empty()) {
    auto termination = FindTermination(spec.termination, spec.num_positions, spec.num_controls);
    if (!termination.ok()) return termination.status();
    scoring.termination = *termination;
  }
  return scoring;
}

// The engine of one model: a pool of threads, each with its own group of lanes.
class FusedCpuEngine final : public Engine {
 public:
  FusedCpuEngine(FusedModel model, const Scoring& scoring, int threads)
      : model_(std::move(model)), has_reward_(scoring.reward != nullptr), pool_(threads) {
    if (VectorLanes() > 1) packed_ = MakePackedModel(model_, VectorLanes());
    for (int i = 0; i < threads; ++i) {
      groups_.push_back(std::make_unique<LaneGroup>(model_, scoring, MakeKernel(), kMaxGroupLanes));
    }
  }

  absl::Status Rollout(absl::Span<const RolloutJob> jobs) override {
    LaneQueue queue;
    queue.jobs = jobs;
    int64_t lanes = 0;
    for (const RolloutJob& job : jobs) {
      if (absl::Status status = Check(job); !status.ok()) return status;
      lanes += job.lanes;
    }
    const int64_t threads = std::min<int64_t>(pool_.threads(), lanes);
    if (threads == 0) return absl::OkStatus();
    const int group_lanes =
        static_cast<int>(std::min<int64_t>(kMaxGroupLanes, (lanes + threads - 1) / threads));
    pool_.Run(static_cast<int>(threads),
              [&](int index) { groups_[index]->Run(queue, group_lanes); });
    return absl::OkStatus();
  }

  EngineInfo info() const override { return {.engine = "fused", .device = "cpu"}; }

 private:
  absl::Status Check(const RolloutJob& job) const;

  std::unique_ptr<TransitionKernel> MakeKernel() const {
    if (packed_ == nullptr) return std::make_unique<ScalarKernel>(model_);
    return MakeVectorKernel(*packed_);
  }

  const FusedModel model_;
  std::unique_ptr<const PackedModel> packed_;  // nullptr: this CPU has no vectors that we know
  const bool has_reward_;
  std::vector<std::unique_ptr<LaneGroup>> groups_;  // [threads]
  ThreadPool pool_;
};

absl::Status FusedCpuEngine::Check(const RolloutJob& job) const {
  if (job.lanes < 1 || job.horizon < 1) {
    return absl::InvalidArgumentError(absl::StrCat("a rollout of ", job.lanes, " lanes and ",
                                                   job.horizon,
                                                   " transitions; both must be at least 1"));
  }
  const int64_t state = 2 * model_.num_positions;
  const struct {
    const char* name;
    size_t size;
    int64_t expected;
    bool optional;
  } spans[] = {
      {"controls", job.controls.size(), job.lanes * job.horizon * model_.num_controls, false},
      {"trajectory", job.trajectory.size(), job.lanes * (job.horizon + 1) * state, true},
      {"final_state", job.final_state.size(), job.lanes * state, true},
      {"total_return", job.total_return.size(), job.lanes, true},
      {"rewards", job.rewards.size(), job.lanes * job.horizon, true},
      {"terminated_step", job.terminated_step.size(), job.lanes, true},
      {"first_non_finite_step", job.first_non_finite_step.size(), job.lanes, true},
  };
  for (const auto& span : spans) {
    if ((span.optional && span.size == 0) || span.size == static_cast<size_t>(span.expected)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat(span.name, " holds ", span.size, " numbers, not ", span.expected, ", for ",
                     job.lanes, " lanes of ", job.horizon, " transitions"));
  }
  const int64_t initial = static_cast<int64_t>(job.initial_states.size());
  if (initial != state && initial != job.lanes * state) {
    return absl::InvalidArgumentError(
        absl::StrCat("initial_states holds ", initial, " numbers, not ", state, " (shared) or ",
                     job.lanes * state, " (one state for each lane)"));
  }
  if (!has_reward_ && (!job.total_return.empty() || !job.rewards.empty())) {
    return absl::InvalidArgumentError("a return is wanted of a model that names no reward");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<Engine>> Create(const TransitionModel& model,
                                               const EngineOptions& options) {
  if (options.device != "cpu") {
    return absl::UnavailableError(
        absl::StrCat("the fused CPU engine has no device ", options.device));
  }
  auto fused_model = MakeFusedModel(model);
  if (!fused_model.ok()) return fused_model.status();
  auto scoring = MakeScoring(model.spec);
  if (!scoring.ok()) return scoring.status();
  try {
    return std::make_unique<FusedCpuEngine>(*std::move(fused_model), *scoring,
                                            ThreadCount(options));
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
