#include "trainer/sac/replay_buffer.h"

#include <algorithm>

namespace rollout {

void TransitionBatch::Resize(int batch_size, int observation_size, int num_controls) {
  observations.resize(static_cast<size_t>(batch_size) * observation_size);
  actions.resize(static_cast<size_t>(batch_size) * num_controls);
  rewards.resize(batch_size);
  terminal.resize(batch_size);
  next_observations.resize(static_cast<size_t>(batch_size) * observation_size);
}

ReplayBuffer::ReplayBuffer(size_t capacity, int observation_size, int num_controls)
    : capacity_(capacity),
      observation_size_(observation_size),
      num_controls_(num_controls),
      row_size_(2 * static_cast<size_t>(observation_size) + num_controls + 2) {
  // Reserving claims addresses, not memory: pages come as rows fill.
  rows_.reserve(capacity_ * row_size_);
}

void ReplayBuffer::Add(absl::Span<const float> observation, absl::Span<const float> action,
                       float reward, bool terminal, absl::Span<const float> next_observation) {
  if (size_ < capacity_) {
    rows_.resize((size_ + 1) * row_size_);
    ++size_;
  }
  float* row = rows_.data() + next_row_ * row_size_;
  row = std::copy(observation.begin(), observation.end(), row);
  row = std::copy(action.begin(), action.end(), row);
  *row++ = reward;
  *row++ = terminal ? 1.0f : 0.0f;
  std::copy(next_observation.begin(), next_observation.end(), row);
  next_row_ = (next_row_ + 1) % capacity_;
}

void ReplayBuffer::Sample(Random& random, TransitionBatch* batch) const {
  const size_t batch_size = batch->rewards.size();
  float* observation = batch->observations.data();
  float* action = batch->actions.data();
  float* next_observation = batch->next_observations.data();
  for (size_t i = 0; i < batch_size; ++i) {
    const float* row = rows_.data() + random.UniformInteger(size_) * row_size_;
    observation = std::copy(row, row + observation_size_, observation);
    row += observation_size_;
    action = std::copy(row, row + num_controls_, action);
    row += num_controls_;
    batch->rewards[i] = row[0];
    batch->terminal[i] = row[1];
    row += 2;
    next_observation = std::copy(row, row + observation_size_, next_observation);
  }
}

void ReplayBuffer::Restore(absl::Span<const float> rows, size_t next_row) {
  rows_.assign(rows.begin(), rows.end());
  size_ = rows.size() / row_size_;
  next_row_ = next_row;
}

}  // namespace rollout
