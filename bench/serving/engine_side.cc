#include "bench/serving/engine_side.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "models/engines/fused/fused_engine.h"
#include "tests/support/random_model.h"

namespace rollout::bench {

absl::StatusOr<std::unique_ptr<EngineSide>> EngineSide::Make(const TransitionModel& model,
                                                             std::vector<RolloutShape> shapes,
                                                             int threads) {
  std::unique_ptr<EngineSide> side(new EngineSide);
  auto engine = FusedCpuEngineModule().create(model, {.device = "cpu", .threads = threads});
  if (!engine.ok()) return engine.status();
  side->engine_ = *std::move(engine);
  const TransitionModelSpec& spec = model.spec;
  int64_t most = 0;
  for (const RolloutShape& shape : shapes) most = std::max(most, shape.lanes * shape.horizon);
  side->state_ = RandomStates(spec, 1, 1);
  side->controls_ = RandomControls(spec, 1, static_cast<int>(most), 1);
  for (std::vector<RolloutJob>& jobs : side->jobs_) {
    for (const RolloutShape& shape : shapes) jobs.push_back(side->JobFor(spec, shape));
  }
  for (const RolloutShape& shape : shapes) side->transitions_ += shape.lanes * shape.horizon;
  for (const RolloutJob& job : side->jobs_[0]) {
    if (absl::Status good = side->engine_->Check(job); !good.ok()) return good;
  }
  return side;
}

RolloutJob EngineSide::JobFor(const TransitionModelSpec& spec, const RolloutShape& shape) {
  RolloutJob job;
  job.lanes = shape.lanes;
  job.horizon = shape.horizon;
  job.initial_states = state_;
  job.controls =
      absl::MakeConstSpan(controls_).first(shape.lanes * shape.horizon * spec.num_controls);
  const int64_t rows = shape.trajectory ? TrajectoryRows(shape.horizon, 1) : 1;
  std::vector<float>& output = outputs_.emplace_back(shape.lanes * rows * spec.state_size());
  (shape.trajectory ? job.trajectory : job.final_state) = absl::MakeSpan(output);
  job.first_non_finite_step = absl::MakeSpan(steps_.emplace_back(shape.lanes));
  return job;
}

CallLoad::Stretch EngineSide::Run(absl::Duration duration) {
  CallLoad::Stretch stretch;
  stretch.answered.resize(1);
  const absl::Time began = absl::Now();
  absl::Time now = began;
  while (now < began + duration) {
    const absl::Time start = now;
    const absl::Status status = engine_->Rollout(jobs_[next_++ % jobs_.size()]);
    now = absl::Now();
    if (!status.ok()) {
      ++stretch.failed;
      break;
    }
    stretch.latencies.push_back(now - start);
    ++stretch.answered[0];
  }
  stretch.elapsed = now - began;
  return stretch;
}

}  // namespace rollout::bench
