#include "server/services/rollout_answer.h"

#include <algorithm>

namespace rollout {

grpc::Slice OutputBuffer::Release() {
  const size_t bytes = static_cast<size_t>(num_bytes());
  numbers_ = 0;
  char* memory = bytes_.release();
  return grpc::Slice(memory, bytes, [](void* owned) { delete[] static_cast<char*>(owned); });
}

RolloutAnswer::RolloutAnswer(const RolloutQuery& query, const TransitionModelSpec& spec) {
  const WantedOutputs& wanted = query.wanted;
  const int64_t lanes = query.lanes;
  const int64_t state_size = spec.state_size();
  const int64_t rows = lanes * TrajectoryRows(query.horizon, wanted.stride);
  if (wanted.trajectory) trajectory = OutputBuffer(rows * state_size);
  if (wanted.final_state) final_state = OutputBuffer(lanes * state_size);
  if (wanted.total_return) total_return = OutputBuffer(lanes);
  if (wanted.spread) {
    if (wanted.trajectory) trajectory_spread = OutputBuffer(rows * state_size);
    if (wanted.final_state) final_state_spread = OutputBuffer(lanes * state_size);
    if (wanted.total_return) return_spread = OutputBuffer(lanes);
  }
  if (wanted.rewards) rewards = OutputBuffer(lanes * query.horizon);
  if (wanted.terminated_step) terminated_step = OutputBuffer(lanes);
  if (wanted.first_outside_step) first_outside_step = OutputBuffer(lanes);
  first_non_finite_step = OutputBuffer(lanes);
}

RolloutJob RolloutAnswer::JobFor(const RolloutQuery& query) {
  RolloutJob job;
  job.lanes = query.lanes;
  job.horizon = query.horizon;
  job.initial_states = query.initial_states;
  job.controls = query.controls;
  job.hold = query.settings.hold;
  job.stride = query.wanted.stride;
  job.discount = query.settings.discount;
  job.ensemble = query.settings.ensemble;
  job.seed = query.settings.seed;
  if (query.settings.cost) {
    cost_ = query.settings.cost->View();
    job.cost = &cost_;
  }
  job.trajectory = trajectory.floats();
  job.trajectory_spread = trajectory_spread.floats();
  job.final_state = final_state.floats();
  job.final_state_spread = final_state_spread.floats();
  job.total_return = total_return.floats();
  job.return_spread = return_spread.floats();
  job.rewards = rewards.floats();
  job.terminated_step = terminated_step.ints();
  job.first_non_finite_step = first_non_finite_step.ints();
  job.first_outside_step = first_outside_step.ints();
  return job;
}

int64_t RolloutAnswer::num_bytes() const {
  int64_t bytes = 0;
  for (const OutputBuffer* buffer :
       {&trajectory, &trajectory_spread, &final_state, &final_state_spread, &total_return,
        &return_spread, &rewards, &terminated_step, &first_non_finite_step, &first_outside_step}) {
    bytes += buffer->num_bytes();
  }
  return bytes;
}

bool RolloutAnswer::diverged(const RolloutQuery& query) {
  const absl::Span<const int32_t> steps = first_non_finite_step.ints();
  return std::any_of(steps.begin(), steps.end(),
                     [&](int32_t step) { return step <= query.horizon; });
}

}  // namespace rollout
