#include "server/batching/batch_tally.h"

namespace rollout {

StartedBatch* BatchTally::Join(std::thread::id thread, absl::Time now) {
  for (const Open& open : open_) {
    if (open.thread != thread) continue;
    ++open.batch->tasks;
    return open.batch;
  }
  if (free_.empty()) free_.push_back(&batches_.emplace_back());
  StartedBatch* const batch = free_.back();
  free_.pop_back();
  *batch = {now, 1, 0};
  open_.push_back({thread, batch});
  return batch;
}

void BatchTally::Close(std::thread::id thread) {
  std::erase_if(open_, [&](const Open& open) { return open.thread == thread; });
}

std::optional<ExecutedBatch> BatchTally::Leave(StartedBatch* batch, int64_t lanes, absl::Time now) {
  batch->lanes += lanes;
  if (--batch->tasks > 0) return std::nullopt;
  const ExecutedBatch executed = {batch->lanes, now - batch->started};
  std::erase_if(open_, [&](const Open& open) { return open.batch == batch; });
  free_.push_back(batch);
  if (executed.lanes == 0) return std::nullopt;
  return executed;
}

}  // namespace rollout
