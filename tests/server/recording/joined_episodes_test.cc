#include "server/recording/joined_episodes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/recording/reports.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

class JoinedEpisodesTest : public testing::Test {
 protected:
  std::vector<Episode> Add(const TransitionChunk& chunk) { return episodes_.Add(chunk); }

  JoinedEpisodesOptions options_;
  JoinedEpisodes episodes_{ReportedSpec(), options_};
};

TEST_F(JoinedEpisodesTest, ChunksOfAnEpisodeAreJoinedUntilItTerminates) {
  EXPECT_THAT(Add(Chunk("a", 0, 3)), IsEmpty());
  EXPECT_THAT(Add(Chunk("b", 0, 2)), IsEmpty());
  TransitionChunk last = Chunk("a", 3, 2);
  last.terminated = true;
  const std::vector<Episode> ended = Add(last);
  ASSERT_THAT(ended, SizeIs(1));
  const Episode& episode = ended[0];
  EXPECT_EQ(episode.policy, "robot");
  EXPECT_EQ(episode.num_steps(), 5);
  EXPECT_THAT(episode.states, ElementsAre(0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5));
  EXPECT_THAT(episode.actions, ElementsAre(0, 1, 2, 3, 4));
  EXPECT_THAT(episode.terminations, ElementsAre(0, 0, 0, 0, 1));
  EXPECT_THAT(episode.truncations, ElementsAre(0, 0, 0, 0, 0));
  EXPECT_THAT(episodes_.CutAll(), SizeIs(1)) << "the other one";
  EXPECT_EQ(episodes_.open_bytes(), 0);
}

TEST_F(JoinedEpisodesTest, AGapEndsAnEpisodeAndBeginsAnother) {
  Add(Chunk("a", 0, 3));
  const std::vector<Episode> ended = Add(Chunk("a", 4, 2));
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_THAT(ended[0].truncations, ElementsAre(0, 0, 1));
  const std::vector<Episode> rest = episodes_.CutAll();
  ASSERT_THAT(rest, SizeIs(1));
  EXPECT_THAT(rest[0].states, ElementsAre(4, 4, 5, 5, 6, 6));
}

TEST_F(JoinedEpisodesTest, AnotherStateAtTheSameStepIsAGap) {
  Add(Chunk("a", 0, 2));
  TransitionChunk other = Chunk("a", 2, 2);
  other.states[0] += 1e-3;
  EXPECT_THAT(Add(other), SizeIs(1));
}

TEST_F(JoinedEpisodesTest, AStateThatWasRoundedToFloat32BetweenIsNoGap) {
  TransitionChunk first = Chunk("a", 0, 3);
  for (double& state : first.states) state += 0.1;  // which float32 does not hold
  TransitionChunk second = Chunk("a", 3, 2);
  for (double& state : second.states) state = static_cast<float>(state + 0.1);
  second.terminated = true;
  EXPECT_THAT(Add(first), IsEmpty());
  const std::vector<Episode> ended = Add(second);
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].num_steps(), 5);
  EXPECT_EQ(ended[0].terminations.back(), 1);
}

TEST_F(JoinedEpisodesTest, LongEpisodesAreCut) {
  JoinedEpisodesOptions options;
  options.max_steps = 4;
  JoinedEpisodes episodes(ReportedSpec(), options);
  EXPECT_THAT(episodes.Add(Chunk("a", 0, 3)), IsEmpty());
  EXPECT_THAT(episodes.Add(Chunk("a", 3, 3)), SizeIs(1));
  EXPECT_EQ(episodes.open_bytes(), 0);
}

TEST_F(JoinedEpisodesTest, MemoryIsBoundedByCuttingWhatWasLongestWithoutAReport) {
  JoinedEpisodesOptions options;
  options.max_bytes = 300;  // two of the three below
  JoinedEpisodes episodes(ReportedSpec(), options);
  episodes.Add(Chunk("a", 0, 3));
  episodes.Add(Chunk("b", 10, 3));
  episodes.Add(Chunk("a", 3, 1));
  const std::vector<Episode> ended = episodes.Add(Chunk("c", 20, 3));
  ASSERT_THAT(ended, SizeIs(1));
  EXPECT_EQ(ended[0].states[0], 10.0) << "b's";
  EXPECT_LE(episodes.open_bytes(), 300);
}

TEST_F(JoinedEpisodesTest, RewardsAreThoseThatTheModelNames) {
  Add(Chunk("a", 0, 2));
  EXPECT_THAT(episodes_.CutAll()[0].rewards, ElementsAre(0, 0)) << "none is named";
  TransitionModelSpec spec = ReportedSpec();
  spec.num_positions = 2;
  spec.reward = "inverted_pendulum_v5";  // 1 while the pole, the second position, stands
  JoinedEpisodes named(spec, options_);
  TransitionChunk chunk = Chunk("a", 0, 2);
  chunk.states = {0, 0, 0, 0, 0, 0.1, 0, 0, 0, 0.3, 0, 0};
  named.Add(chunk);
  EXPECT_THAT(named.CutAll()[0].rewards, ElementsAre(1, 0));
}

}  // namespace
}  // namespace rollout
