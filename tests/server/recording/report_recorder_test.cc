#include "server/recording/report_recorder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "datasets/dataset_reader.h"
#include "tests/server/recording/reports.h"
#include "tests/server/step_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class CountingRecordings final : public RecordingObserver {
 public:
  void TransitionsRecorded(const std::string&, int64_t transitions) override {
    MutexLock lock(&mutex_);
    recorded_ += transitions;
  }
  void TransitionsNotRecorded(const std::string&, int64_t transitions,
                              const char* reason) override {
    MutexLock lock(&mutex_);
    left_out_[reason] += transitions;
  }
  int64_t recorded() {
    MutexLock lock(&mutex_);
    return recorded_;
  }
  int64_t left_out(const std::string& reason) {
    MutexLock lock(&mutex_);
    return left_out_[reason];
  }

 private:
  Mutex mutex_;
  int64_t recorded_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, int64_t> left_out_ ABSL_GUARDED_BY(mutex_);
};

class ReportRecorderTest : public testing::Test {
 protected:
  ReportRecorderTest() {
    options_.datasets.folder = folder_.path().string();
    options_.look = absl::Milliseconds(1);
  }

  void Start() { recorder_.emplace(options_, &clock_, &observer_); }

  // An episode of `steps` transitions that terminates.
  void RecordEpisode(const std::string& name, int64_t steps) {
    TransitionChunk chunk = Chunk(name, 0, steps);
    chunk.terminated = true;
    recorder_->Record(model_, chunk);
  }

  std::vector<Episode> Read(int number) {
    const auto reader =
        DatasetReader::Open((folder_ / "model" / absl::StrCat("reports-v", number)).string());
    EXPECT_OK(reader);
    if (!reader.ok()) return {};
    EXPECT_EQ((*reader)->info().id, absl::StrCat("model/reports-v", number));
    const auto episodes = (*reader)->ReadAll();
    EXPECT_OK(episodes);
    return episodes.ok() ? *episodes : std::vector<Episode>();
  }

  TemporaryDirectory folder_;
  ManualClock clock_;
  CountingRecordings observer_;
  ReportRecorderOptions options_;
  std::shared_ptr<const TransitionModel> model_ =
      std::make_shared<const TransitionModel>(RandomModel(ReportedSpec(), 1));
  std::optional<ReportRecorder> recorder_;
};

TEST_F(ReportRecorderTest, EpisodesStandInADatasetThatTheTrainerReads) {
  Start();
  RecordEpisode("a", 3);
  recorder_->Record(model_, Chunk("b", 0, 2));
  recorder_->Close();
  const std::vector<Episode> episodes = Read(0);
  ASSERT_EQ(episodes.size(), 2u);
  EXPECT_THAT(episodes[0].states, ElementsAre(0, 0, 1, 1, 2, 2, 3, 3));
  EXPECT_THAT(episodes[0].terminations, ElementsAre(0, 0, 1));
  EXPECT_THAT(episodes[1].truncations, ElementsAre(0, 1)) << "it had not ended";
  EXPECT_THAT(ListFolder(folder_ / "model" / "reports-v0" / "data"),
              ElementsAre("main_data.hdf5", "metadata.json"));
  EXPECT_EQ(observer_.recorded(), 5);
}

TEST_F(ReportRecorderTest, DatasetsAreRotatedBySizeAndTheOldestRemoved) {
  options_.datasets.file_bytes = 1000;  // an episode of 50 transitions has 1616
  options_.datasets.files = 2;
  Start();
  for (int i = 0; i < 5; ++i) RecordEpisode(absl::StrCat(i), 50);
  recorder_->Close();
  EXPECT_THAT(ListFolder(folder_ / "model"), ElementsAre("reports-v3", "reports-v4"));
  EXPECT_EQ(observer_.recorded(), 250);
  // Another process goes on with the next number.
  Start();
  RecordEpisode("later", 1);
  recorder_->Close();
  EXPECT_THAT(ListFolder(folder_ / "model"), ElementsAre("reports-v4", "reports-v5"));
}

TEST_F(ReportRecorderTest, ADatasetThatHasGrownOldIsPutInPlace) {
  Start();
  RecordEpisode("a", 3);
  // Until it is written, no later than the clock says, it is not there.
  while (ListFolder(folder_.path()).empty()) std::this_thread::yield();
  EXPECT_EQ(observer_.recorded(), 0);
  clock_.Advance(options_.datasets.file_time);
  while (observer_.recorded() < 3) std::this_thread::yield();
  EXPECT_EQ(Read(0).size(), 1u);
}

TEST_F(ReportRecorderTest, AVersionThatDescribesTheModelOtherwiseBeginsAnotherDataset) {
  Start();
  RecordEpisode("a", 3);
  TransitionModelSpec bounded = ReportedSpec();
  bounded.control_low = {-1.0f};
  bounded.control_high = {1.0f};
  model_ = std::make_shared<const TransitionModel>(RandomModel(bounded, 2));
  RecordEpisode("b", 2);
  recorder_->Close();
  EXPECT_EQ(Read(0)[0].num_steps(), 3);
  EXPECT_EQ(Read(1)[0].num_steps(), 2);
}

TEST_F(ReportRecorderTest, AMissingFolderIsCountedAndTriedAgain) {
  options_.datasets.folder = (folder_ / "not-mounted").string();
  Start();
  RecordEpisode("a", 3);
  while (observer_.left_out("disk") < 3) std::this_thread::yield();
  EXPECT_THAT(ListFolder(folder_.path()), IsEmpty()) << "it is not made";
  RecordEpisode("b", 2);
  while (observer_.left_out("disk") < 5) std::this_thread::yield();
  std::filesystem::create_directory(options_.datasets.folder);
  clock_.Advance(options_.retry);
  RecordEpisode("c", 4);
  recorder_->Close();
  EXPECT_EQ(observer_.recorded(), 4);
  EXPECT_EQ(observer_.left_out("disk"), 5);
}

TEST_F(ReportRecorderTest, WhatComesFasterThanItIsWrittenIsCounted) {
  options_.queue_bytes = 100;  // less than one report
  Start();
  RecordEpisode("a", 3);
  EXPECT_EQ(observer_.left_out("queue_full"), 3);
}

TEST_F(ReportRecorderTest, AFullDiskIsCounted) {
  // A limit on the size of files stands in for a full disk.
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{.rlim_cur = 20000, .rlim_max = 20000};
    setrlimit(RLIMIT_FSIZE, &limit);
    Start();
    RecordEpisode("a", 5000);
    recorder_->Close();
    _exit(observer_.left_out("disk") == 5000 && observer_.recorded() == 0 ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_THAT(ListFolder(folder_ / "model"), IsEmpty());
}

}  // namespace
}  // namespace rollout
