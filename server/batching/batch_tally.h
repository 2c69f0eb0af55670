// Which requests an engine executed together.
#ifndef ROLLOUT_SERVER_BATCHING_BATCH_TALLY_H_
#define ROLLOUT_SERVER_BATCHING_BATCH_TALLY_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <vector>

#include "absl/time/time.h"

namespace rollout {

// The requests whose first lanes one thread of an engine took between the same two transitions:
// they start together and are advanced together, which is as near to the batch of a server that
// computes batch by batch as continuous batching comes. It ends with its last request.
struct StartedBatch {
  absl::Time started;
  int64_t tasks = 0;  // not ended
  int64_t lanes = 0;  // of the requests that were answered
};

// A batch that has ended.
struct ExecutedBatch {
  int64_t lanes = 0;
  absl::Duration compute;  // from the first lane's start to the last one's end
};

// Groups tasks into batches. Owned by a batcher and used under its lock. Memory of batches is used
// again.
class BatchTally {
 public:
  BatchTally() = default;
  BatchTally(const BatchTally&) = delete;
  BatchTally& operator=(const BatchTally&) = delete;

  // A task whose first lanes `thread` took now: its batch, until it leaves.
  StartedBatch* Join(std::thread::id thread, absl::Time now);

  // `thread` begins a transition: what it takes from now on is another batch.
  void Close(std::thread::id thread);

  // A task of `batch` has ended; `lanes` = its lanes where it was answered, else 0. The batch where
  // it was the last one and some were answered.
  std::optional<ExecutedBatch> Leave(StartedBatch* batch, int64_t lanes, absl::Time now);

  // Whether some thread took lanes and has not begun a transition since.
  bool any_open() const { return !open_.empty(); }

 private:
  struct Open {
    std::thread::id thread;
    StartedBatch* batch;
  };

  std::vector<Open> open_;            // at most one a thread
  std::deque<StartedBatch> batches_;  // of which some are used
  std::vector<StartedBatch*> free_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_BATCH_TALLY_H_
