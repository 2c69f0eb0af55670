#include "server/prediction_error/reported_episodes.h"

#include <cmath>
#include <limits>
#include <set>

#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// The definition, one (start, horizon) after the other.
std::set<std::pair<int64_t, int64_t>> WindowsOfStretch(int64_t length) {
  std::set<std::pair<int64_t, int64_t>> windows;
  for (int64_t h = 1; h <= 256; h *= 2) {
    for (int64_t start = 0; start + h <= length; start += std::max<int64_t>(1, h / 2)) {
      windows.insert({start, h});
    }
  }
  return windows;
}

TEST(CompletedWindowsTest, EveryWindowOnceHoweverTheStretchIsReported) {
  for (const int64_t step : {1, 3, 64, 255, 256, 257, 1000}) {
    std::set<std::pair<int64_t, int64_t>> found;
    int64_t length = 0;
    while (length < 1000) {
      const int64_t next = std::min<int64_t>(1000, length + step);
      for (const WindowPlace& place : CompletedWindows(length, next)) {
        for (int k = place.first; k <= place.last; ++k) {
          EXPECT_TRUE(found.insert({place.start, HorizonAt(k)}).second);
        }
      }
      length = next;
    }
    EXPECT_EQ(found, WindowsOfStretch(1000)) << step;
  }
}

TEST(CompletedWindowsTest, OneRolloutServesAllHorizonsOfItsStart) {
  EXPECT_THAT(CompletedWindows(0, 4), ElementsAre(WindowPlace{0, 0, 2}, WindowPlace{1, 0, 1},
                                                  WindowPlace{2, 0, 1}, WindowPlace{3, 0, 0}));
  EXPECT_THAT(CompletedWindows(7, 8), ElementsAre(WindowPlace{0, 3, 3}, WindowPlace{4, 2, 2},
                                                  WindowPlace{6, 1, 1}, WindowPlace{7, 0, 0}));
}

TEST(ThinWindowsTest, KeepsAllThatFitAndAFairShareOfMore) {
  Random random(3);
  std::vector<WindowPlace> places = CompletedWindows(0, 4096);
  const std::vector<WindowPlace> all = places;
  int64_t wanted = 0;
  for (const WindowPlace& place : all) wanted += HorizonAt(place.last);
  EXPECT_EQ(ThinWindows(wanted, &random, &places), 0);
  EXPECT_EQ(places, all);

  const int64_t left_out = ThinWindows(wanted / 4, &random, &places);
  EXPECT_EQ(left_out + places.size(), all.size());
  int64_t kept = 0;
  for (const WindowPlace& place : places) kept += HorizonAt(place.last);
  EXPECT_LE(kept, wanted / 4);
  EXPECT_GT(kept, wanted / 8);
  EXPECT_NEAR(static_cast<double>(places.size()) / all.size(), 0.25, 0.05);

  EXPECT_EQ(ThinWindows(0, &random, &places), static_cast<int64_t>(all.size()) - left_out);
  EXPECT_TRUE(places.empty());
}

// n = 1, nu = 1: position, velocity.
TransitionModelSpec SmallSpec() {
  SpecChoice choice;
  choice.num_positions = 1;
  choice.num_controls = 1;
  return MakeSpec(choice);
}

// `k` transitions of an episode whose state at step t is (t, -t) and whose control is 10 t.
TransitionChunk Chunk(uint64_t first_step, int64_t k, const std::string& episode = "e") {
  TransitionChunk chunk;
  chunk.client = "c";
  chunk.episode = episode;
  chunk.first_step = first_step;
  chunk.num_transitions = k;
  for (int64_t t = 0; t <= k; ++t) {
    const double step = static_cast<double>(first_step) + t;
    chunk.states.insert(chunk.states.end(), {step, -step});
    if (t < k) chunk.controls.push_back(10 * step);
  }
  return chunk;
}

void KeepAll(std::vector<WindowPlace>*) {}

ReportedEpisodes MakeEpisodes(int max_open = 256) {
  ReportedEpisodesOptions options;
  options.max_open_stretches = max_open;
  return ReportedEpisodes(SmallSpec(), options);
}

TEST(ReportedEpisodesTest, JoinsChunksAndCutsWindowsAcrossTheirBorders) {
  ReportedEpisodes episodes = MakeEpisodes();
  ASSERT_OK_AND_ASSIGN(const auto first, episodes.Add(Chunk(100, 3), KeepAll));
  EXPECT_FALSE(first.joined);
  EXPECT_EQ(first.windows.size(), 3u);
  ASSERT_OK_AND_ASSIGN(const auto second, episodes.Add(Chunk(103, 1), KeepAll));
  EXPECT_TRUE(second.joined);
  ASSERT_EQ(second.windows.size(), 3u);  // starts 0 (h = 4), 2 (h = 2), 3 (h = 1)
  const PredictionWindow& window = second.windows[0];
  EXPECT_EQ(window.length(), 4);
  EXPECT_THAT(window.initial_state, ElementsAre(100, -100));
  EXPECT_THAT(window.controls, ElementsAre(1000, 1010, 1020, 1030));
  EXPECT_THAT(window.observed, ElementsAre(104, -104));
}

TEST(ReportedEpisodesTest, LongStretchesKeepWhatTheirWindowsNeed) {
  ReportedEpisodes episodes = MakeEpisodes();
  int64_t windows = 0;
  for (uint64_t step = 0; step < 1000; ++step) {
    ASSERT_OK_AND_ASSIGN(const auto added, episodes.Add(Chunk(step, 1), KeepAll));
    EXPECT_EQ(added.joined, step > 0);
    for (const PredictionWindow& window : added.windows) {
      ++windows;
      const float start = static_cast<float>(step + 1 - window.length());
      EXPECT_THAT(window.initial_state, ElementsAre(start, -start));
      EXPECT_EQ(window.controls.front(), 10 * start);
      EXPECT_EQ(window.controls.back(), 10.0f * step);
      EXPECT_THAT(window.observed, ElementsAre(step + 1, -1.0 * (step + 1)));
    }
  }
  EXPECT_EQ(windows, static_cast<int64_t>(WindowsOfStretch(1000).size()));
}

TEST(ReportedEpisodesTest, GapsOtherStatesAndEndsStartAnew) {
  ReportedEpisodes episodes = MakeEpisodes();
  ASSERT_OK(episodes.Add(Chunk(0, 2), KeepAll));
  ASSERT_OK_AND_ASSIGN(const auto gap, episodes.Add(Chunk(3, 2), KeepAll));
  EXPECT_FALSE(gap.joined);
  EXPECT_EQ(gap.windows.size(), 2u);

  TransitionChunk other = Chunk(5, 2);
  other.states[0] += 0.1;
  ASSERT_OK_AND_ASSIGN(const auto jump, episodes.Add(other, KeepAll));
  EXPECT_FALSE(jump.joined);

  TransitionChunk last = Chunk(7, 1);
  last.terminated = true;
  ASSERT_OK_AND_ASSIGN(const auto end, episodes.Add(last, KeepAll));
  EXPECT_TRUE(end.joined);
  EXPECT_EQ(episodes.num_open(), 0);
  ASSERT_OK_AND_ASSIGN(const auto after, episodes.Add(Chunk(8, 1), KeepAll));
  EXPECT_FALSE(after.joined);
}

TEST(ReportedEpisodesTest, EpisodesOfOtherNamesAreApart) {
  ReportedEpisodes episodes = MakeEpisodes();
  ASSERT_OK(episodes.Add(Chunk(0, 2, "a"), KeepAll));
  ASSERT_OK_AND_ASSIGN(const auto other, episodes.Add(Chunk(2, 2, "b"), KeepAll));
  EXPECT_FALSE(other.joined);
  ASSERT_OK_AND_ASSIGN(const auto same, episodes.Add(Chunk(2, 2, "a"), KeepAll));
  EXPECT_TRUE(same.joined);
}

TEST(ReportedEpisodesTest, ClosesTheStretchThatWasLongestSilent) {
  ReportedEpisodes episodes = MakeEpisodes(/*max_open=*/2);
  ASSERT_OK(episodes.Add(Chunk(0, 1, "a"), KeepAll));
  ASSERT_OK(episodes.Add(Chunk(0, 1, "b"), KeepAll));
  ASSERT_OK(episodes.Add(Chunk(1, 1, "a"), KeepAll));
  ASSERT_OK(episodes.Add(Chunk(0, 1, "c"), KeepAll));
  EXPECT_EQ(episodes.num_open(), 2);
  EXPECT_EQ(episodes.closed_early(), 1);
  ASSERT_OK_AND_ASSIGN(const auto a, episodes.Add(Chunk(2, 1, "a"), KeepAll));
  EXPECT_TRUE(a.joined);
  ASSERT_OK_AND_ASSIGN(const auto b, episodes.Add(Chunk(1, 1, "b"), KeepAll));
  EXPECT_FALSE(b.joined);
}

TEST(ReportedEpisodesTest, IgnoredPositionsAreRelativeToTheWindow) {
  SpecChoice choice;
  choice.num_positions = 2;
  choice.num_controls = 0;
  choice.ignored_positions = {0};
  ReportedEpisodes episodes(MakeSpec(choice), {});
  TransitionChunk chunk;
  chunk.num_transitions = 1;
  chunk.states = {1e9, 1, 2, 3, 1e9 + 0.25, 1, 2, 3};
  ASSERT_OK_AND_ASSIGN(const auto added, episodes.Add(chunk, KeepAll));
  EXPECT_THAT(added.windows[0].initial_state, ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(added.windows[0].observed, ElementsAre(0.25, 1, 2, 3));
}

TEST(ReportedEpisodesTest, RefusesWhatDoesNotFitAndKeepsTheStretch) {
  ReportedEpisodes episodes = MakeEpisodes();
  ASSERT_OK(episodes.Add(Chunk(0, 2), KeepAll));
  const auto refused = [&](const TransitionChunk& chunk, const std::string& message) {
    EXPECT_THAT(episodes.Add(chunk, KeepAll).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(message)));
  };
  TransitionChunk chunk = Chunk(2, 2);
  chunk.num_transitions = 0;
  refused(chunk, "at least 1");
  chunk = Chunk(2, 2);
  chunk.states.pop_back();
  refused(chunk, "states: found 5 numbers, expected 3 states of 2");
  chunk = Chunk(2, 2);
  chunk.controls.push_back(0);
  refused(chunk, "controls: found 3 numbers");
  chunk = Chunk(2, 2);
  chunk.states[3] = std::numeric_limits<double>::quiet_NaN();
  refused(chunk, "states: found nan at row 1, column 1");
  chunk = Chunk(2, 2);
  chunk.states[3] = 1e300;
  refused(chunk, "float32");
  chunk = Chunk(2, 2);
  chunk.controls[1] = std::numeric_limits<double>::infinity();
  refused(chunk, "controls: found inf at row 1");
  chunk = Chunk(2, 2);
  chunk.period = SmallSpec().transition_dt * 1.02;
  refused(chunk, "period");
  chunk.period = std::numeric_limits<double>::quiet_NaN();
  refused(chunk, "period");
  chunk.period = SmallSpec().transition_dt * 1.005;
  ASSERT_OK_AND_ASSIGN(const auto added, episodes.Add(chunk, KeepAll));
  EXPECT_TRUE(added.joined);
}

}  // namespace
}  // namespace rollout
