#include "models/evaluation/predictor.h"

#include <algorithm>

namespace rollout {

absl::Status EnginePredictor::Predict(int64_t lanes, int64_t horizon,
                                      absl::Span<const float> initial_states,
                                      absl::Span<const float> controls,
                                      absl::Span<float> trajectory) {
  RolloutJob job;
  job.lanes = lanes;
  job.horizon = horizon;
  job.initial_states = initial_states;
  job.controls = controls;
  job.trajectory = trajectory;
  return engine_->Rollout(absl::MakeSpan(&job, 1));
}

absl::Status NoChange::Predict(int64_t lanes, int64_t horizon,
                               absl::Span<const float> initial_states, absl::Span<const float>,
                               absl::Span<float> trajectory) {
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float* initial = &initial_states[lane * state_size_];
    for (int64_t step = 0; step <= horizon; ++step) {
      std::copy_n(initial, state_size_, &trajectory[(lane * (horizon + 1) + step) * state_size_]);
    }
  }
  return absl::OkStatus();
}

absl::Status ConstantVelocity::Predict(int64_t lanes, int64_t horizon,
                                       absl::Span<const float> initial_states,
                                       absl::Span<const float>, absl::Span<float> trajectory) {
  const int n = state_size_ / 2;
  for (int64_t lane = 0; lane < lanes; ++lane) {
    const float* initial = &initial_states[lane * state_size_];
    for (int64_t step = 0; step <= horizon; ++step) {
      float* state = &trajectory[(lane * (horizon + 1) + step) * state_size_];
      for (int i = 0; i < n; ++i) {
        state[i] =
            static_cast<float>(initial[i] + dt_ * static_cast<double>(step) * initial[n + i]);
        state[n + i] = initial[n + i];
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace rollout
