#include "trainer/sac/replay_buffer.h"

#include <set>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace rollout {
namespace {

// Transition i carries i in every field.
void AddTransition(ReplayBuffer& buffer, int i) {
  const float value = static_cast<float>(i);
  buffer.Add({value, value}, {value}, value, i % 2 == 1, {value, value});
}

std::set<float> SampledRewards(const ReplayBuffer& buffer, int batch_size) {
  TransitionBatch batch;
  batch.Resize(batch_size, 2, 1);
  Random random(1);
  buffer.Sample(random, &batch);
  for (int i = 0; i < batch_size; ++i) {
    // All fields of a row stay together.
    EXPECT_EQ(batch.observations[2 * i + 1], batch.rewards[i]);
    EXPECT_EQ(batch.actions[i], batch.rewards[i]);
    EXPECT_EQ(batch.next_observations[2 * i], batch.rewards[i]);
    EXPECT_EQ(batch.terminal[i], static_cast<int>(batch.rewards[i]) % 2);
  }
  return {batch.rewards.begin(), batch.rewards.end()};
}

TEST(ReplayBuffer, SamplesWhatItHoldsAndNothingElse) {
  ReplayBuffer buffer(100, 2, 1);
  for (int i = 0; i < 3; ++i) AddTransition(buffer, i);
  EXPECT_EQ(buffer.size(), 3u);
  EXPECT_THAT(SampledRewards(buffer, 64), testing::ElementsAre(0.0f, 1.0f, 2.0f));
}

TEST(ReplayBuffer, OverwritesTheOldestWhenFull) {
  ReplayBuffer buffer(4, 2, 1);
  for (int i = 0; i < 6; ++i) AddTransition(buffer, i);
  EXPECT_EQ(buffer.size(), 4u);
  EXPECT_THAT(SampledRewards(buffer, 128), testing::ElementsAre(2.0f, 3.0f, 4.0f, 5.0f));
}

TEST(ReplayBuffer, GoesOnAfterBeingRestored) {
  ReplayBuffer buffer(4, 2, 1);
  for (int i = 0; i < 5; ++i) AddTransition(buffer, i);
  ReplayBuffer restored(4, 2, 1);
  restored.Restore(buffer.rows(), buffer.next_row());
  AddTransition(restored, 9);
  EXPECT_THAT(SampledRewards(restored, 128), testing::ElementsAre(2.0f, 3.0f, 4.0f, 9.0f));
}

}  // namespace
}  // namespace rollout
