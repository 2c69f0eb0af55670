#include "server/registry/warm_up.h"

#include <tuple>

namespace rollout {
namespace {

constexpr int64_t kBuckets[] = {1, 2, 4, 8, 16, 32, 64, 256};
// A gradient costs several times its rollout and has fewer layouts.
constexpr int64_t kGradientBuckets[] = {1, 8, 32};
constexpr int64_t kHorizon = 1;

// The arrays of one warm-up computation; everything is zero.
struct Arrays {
  Arrays(const TransitionModelSpec& spec, int64_t lanes)
      : state(spec.state_size()),
        controls(lanes * kHorizon * spec.num_controls),
        states(lanes * (kHorizon + 1) * spec.state_size()),
        per_lane(lanes),
        per_step(lanes * kHorizon),
        terminated(lanes),
        non_finite(lanes) {}

  std::vector<float> state, controls, states, per_lane, per_step;
  std::vector<int32_t> terminated, non_finite;
};

absl::Status WarmRollout(const TransitionModelSpec& spec, const WarmUpPath& path, Engine* engine) {
  Arrays arrays(spec, path.lanes);
  RolloutJob job;
  job.lanes = path.lanes;
  job.horizon = kHorizon;
  job.initial_states = arrays.state;
  job.controls = arrays.controls;
  job.first_non_finite_step = absl::MakeSpan(arrays.non_finite);
  if (path.output == WarmUpOutput::kTrajectory) {
    job.trajectory = absl::MakeSpan(arrays.states);
  } else {
    job.final_state = absl::MakeSpan(arrays.states).subspan(0, path.lanes * spec.state_size());
    job.terminated_step = absl::MakeSpan(arrays.terminated);
    if (!spec.reward.empty()) {
      job.total_return = absl::MakeSpan(arrays.per_lane);
      job.rewards = absl::MakeSpan(arrays.per_step);
    }
  }
  return engine->Rollout({&job, 1});
}

absl::Status WarmGradient(const TransitionModelSpec& spec, int64_t lanes, Engine* engine) {
  Arrays arrays(spec, lanes);
  std::vector<float> cotangents(lanes * spec.state_size());
  std::vector<float> controls_gradient(arrays.controls.size());
  std::vector<float> state_gradient(arrays.state.size());
  GradientJob job;
  job.lanes = lanes;
  job.horizon = kHorizon;
  job.initial_states = arrays.state;
  job.controls = arrays.controls;
  job.of_return = !spec.reward.empty();
  if (job.of_return) {
    job.total_return = absl::MakeSpan(arrays.per_lane);
  } else {
    job.final_state_cotangents = cotangents;
  }
  job.controls_gradient = absl::MakeSpan(controls_gradient);
  job.initial_state_gradient = absl::MakeSpan(state_gradient);
  return engine->Gradient({&job, 1});
}

}  // namespace

std::vector<WarmUpPath> WarmUpPaths(bool same_architecture) {
  std::vector<WarmUpPath> paths;
  for (const int64_t lanes : kBuckets) {
    if (same_architecture && lanes != 1 && lanes != 256) continue;
    paths.push_back({lanes, WarmUpOutput::kTrajectory});
    paths.push_back({lanes, WarmUpOutput::kReductions});
  }
  for (const int64_t lanes : kGradientBuckets) {
    if (!same_architecture || lanes == 1) paths.push_back({lanes, WarmUpOutput::kGradient});
  }
  return paths;
}

bool SameArchitecture(const TransitionModelSpec& a, const TransitionModelSpec& b) {
  const auto architecture = [](const TransitionModelSpec& spec) {
    return std::tie(spec.num_positions, spec.num_controls, spec.angular_positions,
                    spec.ignored_positions, spec.ensemble_size, spec.dynamics.kind,
                    spec.dynamics.hidden_sizes, spec.dynamics.activation, spec.dynamics.has_force,
                    spec.dynamics.mass, spec.dynamics.memory_size, spec.dynamics.autoencoder_width,
                    spec.integrator.method, spec.integrator.substeps, spec.reward,
                    spec.termination);
  };
  return architecture(a) == architecture(b);
}

absl::StatusOr<int> WarmUp(const TransitionModelSpec& spec, const std::vector<WarmUpPath>& paths,
                           Engine* engine) {
  int computed = 0;
  for (const WarmUpPath& path : paths) {
    const bool gradient = path.output == WarmUpOutput::kGradient;
    const absl::Status status =
        gradient ? WarmGradient(spec, path.lanes, engine) : WarmRollout(spec, path, engine);
    if (gradient && absl::IsUnimplemented(status)) continue;
    if (!status.ok()) return status;
    ++computed;
  }
  return computed;
}

}  // namespace rollout
