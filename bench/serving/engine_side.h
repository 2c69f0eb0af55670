// An engine in this very process, under the load that servers get.
#ifndef ROLLOUT_BENCH_SERVING_ENGINE_SIDE_H_
#define ROLLOUT_BENCH_SERVING_ENGINE_SIDE_H_

#include <array>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "bench/serving/served_models.h"
#include "bench/serving/side.h"
#include "models/engines/engine.h"

namespace rollout::bench {

// Jobs of given shapes, with the outputs that a server asks for, computed by the fused CPU engine
// in one call, again and again. They write to several places in turn: where a server writes a
// reply, the cache does not hold the last one either. One thread at a time.
class EngineSide {
 public:
  // `threads`: 0 = one for each core that this thread may use now.
  static absl::StatusOr<std::unique_ptr<EngineSide>> Make(const TransitionModel& model,
                                                          std::vector<RolloutShape> shapes,
                                                          int threads);

  // Calls of the engine until `duration` has passed; a latency is that of one call with all jobs.
  CallLoad::Stretch Run(absl::Duration duration);

  // Of all jobs.
  int64_t transitions() const { return transitions_; }

 private:
  EngineSide() = default;
  // With memory of its own; spans of vectors that stay where they are.
  RolloutJob JobFor(const TransitionModelSpec& spec, const RolloutShape& shape);

  std::unique_ptr<Engine> engine_;
  std::vector<float> state_, controls_;
  std::list<std::vector<float>> outputs_;
  std::list<std::vector<int32_t>> steps_;
  std::array<std::vector<RolloutJob>, 4> jobs_;  // the same, each with its outputs
  size_t next_ = 0;
  int64_t transitions_ = 0;
};

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_ENGINE_SIDE_H_
