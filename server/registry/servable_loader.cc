#include "server/registry/servable_loader.h"

#include <spdlog/spdlog.h>

#include <optional>
#include <vector>

#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/golden.h"
#include "server/registry/version_agreement.h"

namespace rollout {
namespace {

// Lanes of the warm-up rollouts: one of each layout and block size that engines choose by.
constexpr int64_t kWarmUpLanes[] = {1, 8, 32, 256};
constexpr int64_t kWarmUpHorizon = 2;

absl::Status WarmUp(const TransitionModelSpec& spec, Engine* engine) {
  for (const int64_t lanes : kWarmUpLanes) {
    const std::vector<float> state(spec.state_size(), 0.0f);
    const std::vector<float> controls(lanes * kWarmUpHorizon * spec.num_controls, 0.0f);
    std::vector<float> trajectory(lanes * (kWarmUpHorizon + 1) * spec.state_size());
    std::vector<float> total_return(spec.reward.empty() ? 0 : lanes);
    std::vector<int32_t> first_non_finite_step(lanes);
    RolloutJob job;
    job.lanes = lanes;
    job.horizon = kWarmUpHorizon;
    job.initial_states = state;
    job.controls = controls;
    job.trajectory = absl::MakeSpan(trajectory);
    job.total_return = absl::MakeSpan(total_return);
    job.first_non_finite_step = absl::MakeSpan(first_non_finite_step);
    if (absl::Status status = engine->Rollout({&job, 1}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Servable>> ServableLoader::Load(
    const std::string& model, int64_t version, const Servable* oldest_loaded) const {
  absl::StatusOr<Checkpoint> checkpoint = ReadCheckpoint(options_.repository, model, version);
  if (!checkpoint.ok()) return checkpoint.status();
  const TransitionModelSpec& spec = checkpoint->model->spec;

  if (oldest_loaded != nullptr) {
    absl::Status agrees = CheckAgreement(oldest_loaded->spec(), oldest_loaded->version(), spec);
    if (!agrees.ok()) return agrees;
    for (const std::string& change : NotableChanges(oldest_loaded->spec(), spec)) {
      spdlog::info("event=version_differs model={} version={} from_version={} change=\"{}\"", model,
                   version, oldest_loaded->version(), change);
    }
  }

  absl::StatusOr<ChosenEngine> chosen =
      ChooseEngine(*checkpoint->model, options_.engine, find_module_);
  if (!chosen.ok()) return chosen.status();
  if (!chosen->fallback_reason.empty()) {
    spdlog::warn("event=engine_fallback model={} version={} engine={} reason=\"{}\"", model,
                 version, chosen->engine->info().engine, chosen->fallback_reason);
  }
  if (checkpoint->golden) {
    absl::Status golden = CheckGolden(*checkpoint->golden, spec, chosen->engine.get());
    if (!golden.ok()) return golden;
  }
  if (absl::Status warm = WarmUp(spec, chosen->engine.get()); !warm.ok()) return warm;

  ServableParts parts;
  parts.version = version;
  parts.published = absl::FromUnixNanos(checkpoint->modified_unix_ns);
  parts.model = std::move(checkpoint->model);
  parts.engine = std::move(chosen->engine);
  parts.fallback_reason = std::move(chosen->fallback_reason);
  parts.batch_limits = options_.batch;
  return std::make_unique<Servable>(std::move(parts), clock_);
}

}  // namespace rollout
