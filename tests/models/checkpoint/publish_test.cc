// Publications appear whole or not at all: in races, on full disks, after a kill at any moment.
#include "models/checkpoint/publish.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <iterator>
#include <set>
#include <thread>

#include "base/random.h"
#include "models/checkpoint/repository.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

CheckpointContent Content(uint64_t seed, int width = 16) {
  SpecChoice choice;
  choice.hidden_sizes = {width, width};
  return {RandomModel(MakeSpec(choice), seed), {}, "card"};
}

absl::StatusOr<int64_t> Publish(const fs::path& repository, const CheckpointContent& content,
                                const PublishOptions& options = {}) {
  return PublishCheckpoint(repository.string(), content, RealClock(), options);
}

TEST(PublishTest, NumbersVersionsFromOneAndReadersTakeThem) {
  const TemporaryDirectory repository;
  for (int64_t expected = 1; expected <= 3; ++expected) {
    ASSERT_OK_AND_ASSIGN(const int64_t version, Publish(repository.path(), Content(expected)));
    EXPECT_EQ(version, expected);
    ASSERT_OK_AND_ASSIGN(const Checkpoint read,
                         ReadCheckpoint(repository.path().string(), "model", version));
    EXPECT_EQ(read.model->weights[4].data, Content(expected).model.weights[4].data);
  }
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre("1", "2", "3"));
}

TEST(PublishTest, CountsOnFromTheHighestAndNeverReplaces) {
  const TemporaryDirectory repository;
  fs::create_directories(repository / "model/41");
  fs::create_directories(repository / "model/07");
  WriteFile(repository / "model/43", "a file");
  ASSERT_OK_AND_ASSIGN(const int64_t version, Publish(repository.path(), Content(1)));
  EXPECT_EQ(version, 44);
  EXPECT_EQ(ReadFile(repository / "model/43"), "a file");
}

TEST(PublishTest, RefusesAModelThatNoReaderWouldTake) {
  const TemporaryDirectory repository;
  CheckpointContent nan = Content(1);
  nan.model.weights[4].data[0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Publish(repository.path(), nan),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("mlp.0.weight")));
  CheckpointContent golden = Content(1);
  golden.golden =
      GoldenSet{1, 2, std::vector<float>(6), std::vector<float>(4), std::vector<float>(17)};
  EXPECT_THAT(Publish(repository.path(), golden),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("trajectory: found 17")));
  EXPECT_THAT(ListFolder(repository.path()), IsEmpty());
}

TEST(PublishTest, NamesAMissingRepository) {
  const TemporaryDirectory folder;
  EXPECT_THAT(Publish(folder / "none", Content(1)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST(PublishTest, TwoPublishersNeverGetOneNumber) {
  const TemporaryDirectory repository;
  constexpr int kEach = 50;
  std::vector<int64_t> versions[2];
  std::thread threads[2];
  for (int k = 0; k < 2; ++k) {
    threads[k] = std::thread([&, k] {
      for (int i = 0; i < kEach; ++i) {
        const auto version = Publish(repository.path(), Content(1000 * k + i));
        ASSERT_OK(version);
        versions[k].push_back(*version);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int k = 0; k < 2; ++k) {
    for (int i = 0; i < kEach; ++i) {
      ASSERT_OK_AND_ASSIGN(const Checkpoint read,
                           ReadCheckpoint(repository.path().string(), "model", versions[k][i]));
      EXPECT_EQ(read.model->weights[4].data, Content(1000 * k + i).model.weights[4].data);
    }
  }
  std::set<int64_t> all(versions[0].begin(), versions[0].end());
  all.insert(versions[1].begin(), versions[1].end());
  EXPECT_EQ(all.size(), 2u * kEach);
  EXPECT_EQ(*all.rbegin(), 2 * kEach);
}

TEST(PublishTest, CleansUpAfterPublishersKilledLongAgo) {
  const TemporaryDirectory repository;
  for (const char* name : {"model/.staging-old/x", "model/.staging-new", "model/.removed-1/y"}) {
    fs::create_directories(repository / name);
  }
  WriteFile(repository / "model/.staging-old/model.json", "half");
  fs::last_write_time(repository / "model/.staging-old",
                      fs::file_time_type::clock::now() - std::chrono::hours(25));
  ASSERT_OK(Publish(repository.path(), Content(1)));
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre(".staging-new", "1"));
}

// Everything there is can be read, and numbers have no gap.
void ExpectOnlyWholeVersions(const fs::path& repository) {
  ASSERT_OK_AND_ASSIGN(const RepositoryScan scan, ScanRepository(repository.string()));
  EXPECT_THAT(scan.ignored, IsEmpty());
  for (const RepositoryModel& model : scan.models) {
    for (size_t k = 0; k < model.versions.size(); ++k) {
      EXPECT_EQ(model.versions[k].version, static_cast<int64_t>(k) + 1);
      EXPECT_OK(ReadCheckpoint(repository.string(), model.name, model.versions[k].version));
    }
  }
}

TEST(PublishTest, AKilledPublisherLeavesNothingHalf) {
  const TemporaryDirectory repository;
  const CheckpointContent content = Content(1, 128);
  Random random(17);
  int killed_while_publishing = 0;
  for (int round = 0; round < 40; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      while (true) {
        if (!Publish(repository.path(), content).ok()) _exit(1);
      }
    }
    // Not a wait for something to happen: the moment of the kill is what varies.
    std::this_thread::sleep_for(std::chrono::microseconds(random.UniformInteger(8000)));
    kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the publisher failed by itself";
    if (!fs::exists(repository / "model")) continue;
    for (const std::string& name : ListFolder(repository / "model")) {
      if (name[0] != '.') continue;
      ++killed_while_publishing;
      fs::remove_all(repository / ("model/" + name));
    }
  }
  ExpectOnlyWholeVersions(repository.path());
  EXPECT_GT(killed_while_publishing, 0) << "no kill met a publication";
}

// Publishing with a limit on the size of files: every write beyond it fails, as on a full disk. In
// a child process, for limits and signal handling belong to a whole process.
TEST(PublishTest, AFailingWriteIsReportedWithItsPathAndLeavesNothing) {
  const TemporaryDirectory repository;
  ASSERT_OK(Publish(repository.path(), Content(1)));
  const CheckpointContent content = Content(2, 128);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    signal(SIGXFSZ, SIG_IGN);
    const rlimit limit = {20'000, 20'000};
    setrlimit(RLIMIT_FSIZE, &limit);
    const auto version = Publish(repository.path(), content);
    const std::string message(version.status().message());
    const bool named = message.find("weights.safetensors") != std::string::npos &&
                       message.find("File too large") != std::string::npos;
    _exit(!version.ok() && named ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre("1"));
  EXPECT_OK(Publish(repository.path(), Content(3)));
}

// From here on the kernel answers this process's writes of `bytes` or more as a full disk does.
// Needs no rights; cannot be undone.
bool FillTheDiskFor(uint32_t bytes) {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[2])),
      BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, bytes, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSPC),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter = {std::size(program), program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

TEST(PublishTest, AFullDiskIsReportedWithItsPathAndLeavesNothing) {
  const TemporaryDirectory repository;
  ASSERT_OK(Publish(repository.path(), Content(1)));
  const CheckpointContent content = Content(2, 256);
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (!FillTheDiskFor(100'000)) _exit(2);
    const auto version = Publish(repository.path(), content);
    const std::string message(version.status().message());
    const bool named = message.find("weights.safetensors") != std::string::npos &&
                       message.find("No space left") != std::string::npos;
    _exit(absl::IsResourceExhausted(version.status()) && named ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre("1"));
  ExpectOnlyWholeVersions(repository.path());
}

TEST(PublishTest, AModelFolderThatIsAFileIsAnError) {
  const TemporaryDirectory repository;
  WriteFile(repository / "model", "a file");
  EXPECT_THAT(Publish(repository.path(), Content(1)),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("model")));
}

TEST(PruneTest, KeepsTheHighest) {
  const TemporaryDirectory repository;
  for (int k = 0; k < 5; ++k) ASSERT_OK(Publish(repository.path(), Content(k)));
  fs::create_directories(repository / "model/notes");
  ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> removed,
                       PruneVersions(repository.path().string(), "model", 2));
  EXPECT_THAT(removed, ElementsAre(1, 2, 3));
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre("4", "5", "notes"));
  ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> none,
                       PruneVersions(repository.path().string(), "model", 2));
  EXPECT_THAT(none, IsEmpty());
  EXPECT_THAT(PruneVersions(repository.path().string(), "model", 0),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("keep: found 0")));
}

TEST(PruneTest, RemovesALinkAndNotWhatItLeadsTo) {
  const TemporaryDirectory repository;
  ASSERT_OK(Publish(repository.path(), Content(1)));
  fs::rename(repository / "model/1", repository / "kept");
  fs::create_symlink("../kept", repository / "model/1");
  fs::create_directories(repository / "model/2");
  ASSERT_OK(PruneVersions(repository.path().string(), "model", 1));
  EXPECT_THAT(ListFolder(repository / "model"), ElementsAre("2"));
  EXPECT_TRUE(fs::exists(repository / "kept/model.json"));
}

}  // namespace
}  // namespace rollout
