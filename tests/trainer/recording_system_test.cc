// What a driver did to a system is in the episodes that come out.
#include "trainer/collection/recording_system.h"

#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

class RecordingSystemTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(std::unique_ptr<System> system, MakeSystem("inverted_pendulum_v5"));
    plain_ = system->NewInstance();
    recorded_ = std::make_unique<RecordingSystem>(std::move(system), "test",
                                                  [this](const Episode& episode) {
                                                    episodes_.push_back(episode);
                                                    return sink_status_;
                                                  });
  }

  std::unique_ptr<System> plain_;
  std::unique_ptr<RecordingSystem> recorded_;
  std::vector<Episode> episodes_;
  absl::Status sink_status_;
};

TEST_F(RecordingSystemTest, KeepsStatesAndActionsOfWholeEpisodes) {
  const std::vector<double> action = {1.0};
  recorded_->Reset(3);
  plain_->Reset(3);
  std::vector<double> state(4);
  std::vector<double> expected(4);
  plain_->GetState(absl::MakeSpan(expected));
  int steps = 0;
  StepResult result;
  while (!result.terminated) {
    result = recorded_->Step(action);
    plain_->Step(action);
    plain_->GetState(absl::MakeSpan(state));
    expected.insert(expected.end(), state.begin(), state.end());
    ++steps;
  }
  ASSERT_EQ(episodes_.size(), 1u);
  EXPECT_EQ(episodes_[0].num_steps(), steps);
  EXPECT_EQ(episodes_[0].states, expected);
  EXPECT_EQ(episodes_[0].actions, std::vector<double>(steps, 1.0));
  EXPECT_EQ(episodes_[0].terminations.back(), 1);
  EXPECT_EQ(episodes_[0].seed, 3u);
  EXPECT_EQ(episodes_[0].policy, "test");
}

TEST_F(RecordingSystemTest, HandsOnWhatWasCutOffAndNothingWithoutSteps) {
  recorded_->Reset(1);
  recorded_->Reset(2);
  EXPECT_TRUE(episodes_.empty());
  recorded_->Step(std::vector<double>{0.0});
  recorded_->Reset(4);
  recorded_->Step(std::vector<double>{0.0});
  recorded_->Step(std::vector<double>{0.0});
  EXPECT_OK(recorded_->Finish());
  ASSERT_EQ(episodes_.size(), 2u);
  EXPECT_EQ(episodes_[0].num_steps(), 1);
  EXPECT_EQ(episodes_[0].id, 0);
  EXPECT_EQ(episodes_[1].num_steps(), 2);
  EXPECT_EQ(episodes_[1].states.size(), 12u);
  EXPECT_EQ(episodes_[1].id, 1);
}

TEST_F(RecordingSystemTest, AFullSinkIsToldInTheEnd) {
  sink_status_ = absl::UnavailableError("no space left");
  for (int episode = 0; episode < 3; ++episode) {
    recorded_->Reset(1);
    recorded_->Step(std::vector<double>{0.0});
  }
  EXPECT_EQ(recorded_->Finish().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(episodes_.size(), 1u);
}

}  // namespace
}  // namespace rollout
