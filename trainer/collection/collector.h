// Episodes from a system under policies, on several threads.
#ifndef ROLLOUT_TRAINER_COLLECTION_COLLECTOR_H_
#define ROLLOUT_TRAINER_COLLECTION_COLLECTOR_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "datasets/dataset.h"
#include "systems/system.h"
#include "trainer/collection/policy_plan.h"

namespace rollout {

struct CollectionOptions {
  int64_t episodes = 1;
  uint64_t seed = 0;
  int threads = 1;
  int max_episode_steps =
      0;  // shorter episodes than the system's own; 0 = until the system ends them
  // Ends the collection after the episodes that are in work; may be null.
  const std::atomic<bool>* stop = nullptr;
};

// What came of the episodes that one of a plan's policies drove.
struct PolicyOutcome {
  std::string name;
  int64_t episodes = 0;
  int64_t steps = 0;
  int64_t terminated = 0;  // episodes that ended by the task's own rule
  double return_sum = 0.0;
  double return_min = 0.0;
  double return_max = 0.0;
};

struct CollectionSummary {
  int64_t episodes = 0;
  int64_t steps = 0;
  std::vector<PolicyOutcome> policies;  // in the order of the plan
};

// Receives the episodes in their order, one at a time, from any of the collecting threads; an error
// ends the collection.
using EpisodeSink = std::function<absl::Status(const Episode& episode)>;

// Episode i starts from System::Reset(DeriveSeed(seed, i)) and its policy draws from what follows
// of that seed, so that episodes do not depend on the number of threads. At most four episodes for
// each thread are in memory. `system` only says which system: each thread has an instance of its
// own. Returns the sink's error, or INVALID_ARGUMENT for options or a plan that make no sense.
absl::StatusOr<CollectionSummary> CollectEpisodes(const System& system, const PolicyPlan& plan,
                                                  const CollectionOptions& options,
                                                  const EpisodeSink& sink);

// What a dataset of this system's episodes says of it. `id` empty = "rollout/<system>-v0".
DatasetInfo DescribeDataset(const SystemInfo& info, const std::string& id = "");

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_COLLECTOR_H_
