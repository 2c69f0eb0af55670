#include "models/engines/linearize.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

// Lanes of one gradient job: bounds the memory for repeated states.
constexpr int64_t kMostLanes = 4096;

absl::Status CheckSize(const char* name, size_t size, int64_t expected) {
  if (static_cast<int64_t>(size) == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("linearize: ", name, " holds ", size, " numbers, expected ", expected));
}

absl::Status CheckSizes(const LinearizeJob& job, int64_t state, int64_t nu) {
  if (job.horizon < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("linearize: horizon ", job.horizon, ", expected at least 1"));
  }
  const int64_t horizon = job.horizon;
  for (const absl::Status& status :
       {CheckSize("initial_state", job.initial_state.size(), state),
        CheckSize("controls", job.controls.size(), horizon * nu),
        CheckSize("trajectory", job.trajectory.size(), (horizon + 1) * state),
        CheckSize("state_jacobians", job.state_jacobians.size(), horizon * state * state),
        CheckSize("control_jacobians", job.control_jacobians.size(), horizon * state * nu)}) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status Linearize(Engine& engine, const TransitionModelSpec& spec, const LinearizeJob& job) {
  const int64_t state = spec.state_size();
  const int64_t nu = spec.num_controls;
  if (absl::Status status = CheckSizes(job, state, nu); !status.ok()) return status;
  if (spec.dynamics.kind == DynamicsKind::kNodeRecurrent) {
    return absl::UnimplementedError(absl::StrCat(
        "linearize: the next state of ", spec.name,
        " (NODE_RECURRENT) depends on a memory that is not part of its state, so that there are no "
        "A and B; ask for gradients"));
  }
  RolloutJob rollout;
  rollout.lanes = 1;
  rollout.horizon = job.horizon;
  rollout.initial_states = job.initial_state;
  rollout.controls = job.controls;
  rollout.cancelled = job.cancelled;
  rollout.trajectory = job.trajectory;
  if (absl::Status status = engine.Rollout({&rollout, 1}); !status.ok()) return status;

  const int64_t at_once = std::clamp<int64_t>(kMostLanes / state, 1, job.horizon);
  std::vector<float> states, controls, cotangents(static_cast<size_t>(at_once * state * state));
  for (int64_t lane = 0; lane < at_once * state; ++lane) {
    cotangents[static_cast<size_t>(lane * state + lane % state)] = 1.0f;
  }
  for (int64_t first = 0; first < job.horizon; first += at_once) {
    const int64_t steps = std::min(at_once, job.horizon - first);
    states.clear();
    controls.clear();
    for (int64_t step = first; step < first + steps; ++step) {
      for (int64_t row = 0; row < state; ++row) {
        const float* z = job.trajectory.data() + step * state;
        const float* u = job.controls.data() + step * nu;
        states.insert(states.end(), z, z + state);
        controls.insert(controls.end(), u, u + nu);
      }
    }
    GradientJob gradient;
    gradient.lanes = steps * state;
    gradient.horizon = 1;
    gradient.initial_states = states;
    gradient.controls = controls;
    gradient.cancelled = job.cancelled;
    gradient.final_state_cotangents =
        absl::MakeConstSpan(cotangents).first(static_cast<size_t>(steps * state * state));
    gradient.controls_gradient =
        job.control_jacobians.subspan(first * state * nu, steps * state * nu);
    gradient.initial_state_gradient =
        job.state_jacobians.subspan(first * state * state, steps * state * state);
    if (absl::Status status = engine.Gradient({&gradient, 1}); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace rollout
