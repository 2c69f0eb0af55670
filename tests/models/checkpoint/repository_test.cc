#include "models/checkpoint/repository.h"

#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> Listing(const RepositoryScan& scan) {
  std::vector<std::string> lines;
  for (const RepositoryModel& model : scan.models) {
    std::string line = model.name + ":";
    for (const RepositoryVersion& version : model.versions) {
      absl::StrAppend(&line, " ", version.version);
    }
    lines.push_back(line);
  }
  return lines;
}

TEST(ParseVersionTest, TakesPositiveDecimalsWithoutLeadingZeros) {
  EXPECT_EQ(ParseVersion("1"), 1);
  EXPECT_EQ(ParseVersion("10"), 10);
  EXPECT_EQ(ParseVersion("999999999999999999"), 999999999999999999);
  for (const char* name : {"", "0", "01", "-1", "+1", "1 ", " 1", "1a", "abc", "1.0",
                           "1000000000000000000", "99999999999999999999"}) {
    EXPECT_EQ(ParseVersion(name), std::nullopt) << name;
  }
}

TEST(ScanRepositoryTest, ListsModelsAndVersionsInOrder) {
  const TemporaryDirectory repository;
  for (const char* folder : {"b/2", "b/10", "b/1", "a", ".hidden/1", "b/.staging-0123"}) {
    fs::create_directories(repository / folder);
  }
  ASSERT_OK_AND_ASSIGN(const RepositoryScan scan, ScanRepository(repository.path().string()));
  EXPECT_THAT(Listing(scan), ElementsAre("a:", "b: 1 2 10"));
  EXPECT_THAT(scan.ignored, IsEmpty());
}

TEST(ScanRepositoryTest, NotesWhatIsNeitherModelNorVersion) {
  const TemporaryDirectory repository;
  for (const char* folder : {"m/01", "m/0", "m/abc", "m/1234567890123456789", "m/3", "bad name"}) {
    fs::create_directories(repository / folder);
  }
  WriteFile(repository / "README.md", "not a model");
  WriteFile(repository / "m/4", "not a folder");
  ASSERT_OK_AND_ASSIGN(const RepositoryScan scan, ScanRepository(repository.path().string()));
  EXPECT_THAT(Listing(scan), ElementsAre("m: 3"));
  EXPECT_THAT(scan.ignored,
              ElementsAre(HasSubstr("README.md is not a model"), HasSubstr("bad name is not a"),
                          HasSubstr("m/0 is not a version"), HasSubstr("m/01 is not a version"),
                          HasSubstr("m/1234567890123456789 is not"), HasSubstr("m/4"),
                          HasSubstr("m/abc is not a version")));
}

TEST(ScanRepositoryTest, FollowsLinksInsideAndShowsVersionsThatLinkOutside) {
  const TemporaryDirectory repository, outside;
  fs::create_directories(repository / "m/1");
  fs::create_directories(outside / "1");
  fs::create_symlink("1", repository / "m/2");
  fs::create_symlink(outside / "1", repository / "m/3");
  fs::create_symlink(outside.path(), repository / "n");
  fs::create_symlink("m", repository / "o");
  fs::create_symlink("gone", repository / "m/4");
  ASSERT_OK_AND_ASSIGN(const RepositoryScan scan, ScanRepository(repository.path().string()));
  // Version 3 is there for its reader to refuse; model n is not, for its versions are elsewhere.
  EXPECT_THAT(Listing(scan), ElementsAre("m: 1 2 3", "o: 1 2 3"));
  EXPECT_THAT(scan.ignored,
              ElementsAre(HasSubstr("m/4"), HasSubstr("n is not a model"), HasSubstr("o/4")));
}

TEST(ScanRepositoryTest, AMissingRepositoryIsAnErrorAndAnEmptyOneIsNot) {
  const TemporaryDirectory repository;
  ASSERT_OK_AND_ASSIGN(const RepositoryScan scan, ScanRepository(repository.path().string()));
  EXPECT_THAT(scan.models, IsEmpty());
  EXPECT_THAT(ScanRepository(repository / "none"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

Fingerprint FingerprintOfOnly(const TemporaryDirectory& repository) {
  const auto scan = ScanRepository(repository.path().string());
  EXPECT_OK(scan);
  EXPECT_EQ(scan->models.size(), 1u);
  return scan->models[0].versions[0].fingerprint;
}

TEST(FingerprintTest, ChangesWithNameSizeTimeAndInodeOfTheFiles) {
  const TemporaryDirectory repository;
  const fs::path folder = repository / "m/1";
  fs::create_directories(folder);
  WriteFile(folder / "a", "1");
  const Fingerprint first = FingerprintOfOnly(repository);
  EXPECT_EQ(first, FingerprintOfOnly(repository));

  WriteFile(folder / ".hidden", "");
  EXPECT_EQ(first, FingerprintOfOnly(repository));

  fs::last_write_time(folder / "a", fs::last_write_time(folder / "a") + std::chrono::seconds(1));
  const Fingerprint touched = FingerprintOfOnly(repository);
  EXPECT_NE(first, touched);

  const fs::file_time_type time = fs::last_write_time(folder / "a");
  WriteFile(folder / "b", "1");
  fs::last_write_time(folder / "b", time);
  const Fingerprint two = FingerprintOfOnly(repository);
  EXPECT_NE(touched, two);

  fs::rename(folder / "b", folder / "a");  // the same name, size and time, another file
  EXPECT_NE(touched, FingerprintOfOnly(repository));
}

TEST(ListVersionsTest, IsAscendingAndEmptyWithoutTheModel) {
  const TemporaryDirectory repository;
  for (const char* folder : {"m/9", "m/10", "m/x"}) fs::create_directories(repository / folder);
  ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> versions,
                       ListVersions(repository.path().string(), "m"));
  EXPECT_THAT(versions, ElementsAre(9, 10));
  ASSERT_OK_AND_ASSIGN(const std::vector<int64_t> none,
                       ListVersions(repository.path().string(), "other"));
  EXPECT_THAT(none, IsEmpty());
}

}  // namespace
}  // namespace rollout
