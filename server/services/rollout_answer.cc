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
  if (wanted.trajectory)
    trajectory = OutputBuffer(lanes * TrajectoryRows(query.horizon, wanted.stride) * state_size);
  if (wanted.final_state) final_state = OutputBuffer(lanes * state_size);
  if (wanted.total_return) total_return = OutputBuffer(lanes);
  if (wanted.rewards) rewards = OutputBuffer(lanes * query.horizon);
  if (wanted.terminated_step) terminated_step = OutputBuffer(lanes);
  first_non_finite_step = OutputBuffer(lanes);
}

RolloutJob RolloutAnswer::JobFor(const RolloutQuery& query) {
  RolloutJob job;
  job.lanes = query.lanes;
  job.horizon = query.horizon;
  job.initial_states = query.initial_states;
  job.controls = query.controls;
  job.stride = query.wanted.stride;
  job.trajectory = trajectory.floats();
  job.final_state = final_state.floats();
  job.total_return = total_return.floats();
  job.rewards = rewards.floats();
  job.terminated_step = terminated_step.ints();
  job.first_non_finite_step = first_non_finite_step.ints();
  return job;
}

int64_t RolloutAnswer::num_bytes() const {
  return trajectory.num_bytes() + final_state.num_bytes() + total_return.num_bytes() +
         rewards.num_bytes() + terminated_step.num_bytes() + first_non_finite_step.num_bytes();
}

bool RolloutAnswer::diverged(const RolloutQuery& query) {
  const absl::Span<const int32_t> steps = first_non_finite_step.ints();
  return std::any_of(steps.begin(), steps.end(),
                     [&](int32_t step) { return step <= query.horizon; });
}

}  // namespace rollout
