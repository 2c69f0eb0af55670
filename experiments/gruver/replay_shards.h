// Episodes of a training that may be killed, in files that go with its checkpoints.
#ifndef ROLLOUT_EXPERIMENTS_GRUVER_REPLAY_SHARDS_H_
#define ROLLOUT_EXPERIMENTS_GRUVER_REPLAY_SHARDS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "datasets/dataset.h"

namespace rollout {

// Keeps episodes in memory until the next checkpoint of the training, and then in
// folder/replay-<step of the checkpoint>.hdf5. A training that goes on from a checkpoint makes
// again what came after it: those files go first, so that no episode is there twice. One owner, one
// thread.
class ReplayShards {
 public:
  // `folder` exists already, or is made by the first Close.
  ReplayShards(std::string folder, DatasetInfo info);

  // Removes files of checkpoints after `step`.
  absl::Status KeepUpTo(int64_t step);

  void Append(const Episode& episode) { open_.push_back(episode); }

  // Writes what was appended since the last one, if anything was. To be called before the
  // checkpoint itself is written. Errors of DatasetWriter.
  absl::Status Close(int64_t step);

  // All that was closed, in order, as one dataset `file`, which is there whole or not at all; then
  // removes the shards. Errors of DatasetReader and DatasetWriter.
  absl::Status Merge(const std::string& file);

 private:
  struct Shard {
    int64_t step = 0;
    std::string file;
  };
  // By step.
  std::vector<Shard> Closed() const;

  const std::string folder_;
  const DatasetInfo info_;
  std::vector<Episode> open_;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GRUVER_REPLAY_SHARDS_H_
