// The transitions that SAC learns from.
#ifndef ROLLOUT_TRAINER_SAC_REPLAY_BUFFER_H_
#define ROLLOUT_TRAINER_SAC_REPLAY_BUFFER_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"

namespace rollout {

// B transitions, row by row. `terminal` is 1 where the task ended and 0 elsewhere: an episode cut
// off by the time limit goes on in the eyes of the critics (Pardo et al. 2018, "Time Limits in
// Reinforcement Learning").
struct TransitionBatch {
  std::vector<float> observations;       // [B, observation_size]
  std::vector<float> actions;            // [B, num_controls], in [-1, 1]
  std::vector<float> rewards;            // [B]
  std::vector<float> terminal;           // [B]
  std::vector<float> next_observations;  // [B, observation_size]

  void Resize(int batch_size, int observation_size, int num_controls);
};

// The last `capacity` transitions in one flat array of rows [observation, action, reward, terminal,
// next observation], so that drawing one costs one stretch of memory. Rows are claimed as they
// fill. Owned and used by one thread.
class ReplayBuffer {
 public:
  ReplayBuffer(size_t capacity, int observation_size, int num_controls);

  void Add(absl::Span<const float> observation, absl::Span<const float> action, float reward,
           bool terminal, absl::Span<const float> next_observation);

  // Fills `batch` (sized by the caller) with transitions drawn uniformly with replacement. The
  // buffer must not be empty.
  void Sample(Random& random, TransitionBatch* batch) const;

  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  size_t row_size() const { return row_size_; }

  // The rows held, oldest overwritten first, and where the next one goes: what a resumed training
  // restores.
  absl::Span<const float> rows() const { return {rows_.data(), size_ * row_size_}; }
  size_t next_row() const { return next_row_; }
  // `rows` holds whole rows, at most `capacity` of them; `next_row` < capacity.
  void Restore(absl::Span<const float> rows, size_t next_row);

 private:
  const size_t capacity_;
  const int observation_size_;
  const int num_controls_;
  const size_t row_size_;
  std::vector<float> rows_;
  size_t size_ = 0;
  size_t next_row_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_REPLAY_BUFFER_H_
