// Anything that predicts trajectories: a model behind an engine, or a baseline.
#ifndef ROLLOUT_MODELS_EVALUATION_PREDICTOR_H_
#define ROLLOUT_MODELS_EVALUATION_PREDICTOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "models/engines/engine.h"

namespace rollout {

// Called by one thread at a time.
class Predictor {
 public:
  virtual ~Predictor() = default;

  // Fills `trajectory` [B, T + 1, 2n] from `initial_states` [B, 2n] under `controls` [B, T, nu].
  virtual absl::Status Predict(int64_t lanes, int64_t horizon,
                               absl::Span<const float> initial_states,
                               absl::Span<const float> controls, absl::Span<float> trajectory) = 0;
};

// The model of an engine, which the caller owns and keeps.
class EnginePredictor : public Predictor {
 public:
  explicit EnginePredictor(Engine* engine) : engine_(engine) {}
  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial_states,
                       absl::Span<const float> controls, absl::Span<float> trajectory) override;

 private:
  Engine* engine_;
};

// The state stays what it was: the error of a model that is worse than this is no prediction.
class NoChange : public Predictor {
 public:
  explicit NoChange(int state_size) : state_size_(state_size) {}
  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial_states,
                       absl::Span<const float> controls, absl::Span<float> trajectory) override;

 private:
  int state_size_;
};

// Positions go on at the first velocity, which stays.
class ConstantVelocity : public Predictor {
 public:
  ConstantVelocity(int state_size, double dt) : state_size_(state_size), dt_(dt) {}
  absl::Status Predict(int64_t lanes, int64_t horizon, absl::Span<const float> initial_states,
                       absl::Span<const float> controls, absl::Span<float> trajectory) override;

 private:
  int state_size_;
  double dt_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_PREDICTOR_H_
