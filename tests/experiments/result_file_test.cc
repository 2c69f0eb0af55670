#include "experiments/result_file.h"

#include <cmath>
#include <filesystem>
#include <fstream>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

RunRecord Record(const std::string& key) {
  RunRecord record;
  record.key = key;
  record.settings = {{"system", "two_body"}};
  record.seed = 7;
  record.metrics = {{"loss", 0.25}, {"energy", NAN}};
  record.series = {{"errors", {1.0, NAN, 1e-12}}};
  record.seconds = 2.5;
  return record;
}

// In a folder of this process's own, which goes with it.
std::string FreshPath(const std::string& name) {
  static const TemporaryDirectory dir;
  return dir / (name + ".jsonl");
}

TEST(RunRecordTest, ThereAndBack) {
  const auto parsed = ParseJsonLine(ToJsonLine(Record("a/b")));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(parsed->key, "a/b");
  EXPECT_EQ(parsed->settings.at("system"), "two_body");
  EXPECT_EQ(parsed->seed, 7u);
  EXPECT_EQ(parsed->outcome, "finished");
  EXPECT_EQ(parsed->metrics.at("loss"), 0.25);
  EXPECT_TRUE(std::isnan(parsed->metrics.at("energy")));
  EXPECT_TRUE(std::isnan(parsed->series.at("errors")[1]));
  EXPECT_EQ(parsed->series.at("errors")[2], 1e-12);
  EXPECT_EQ(parsed->seconds, 2.5);
}

TEST(ResultFileTest, RecordsOutliveTheProcess) {
  const std::string path = FreshPath("records");
  {
    const auto file = ResultFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_FALSE((*file)->Has("one"));
    ASSERT_TRUE((*file)->Append(Record("one")).ok());
    ASSERT_TRUE((*file)->Append(Record("two")).ok());
  }
  const auto file = ResultFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->Has("one"));
  EXPECT_TRUE((*file)->Has("two"));
  EXPECT_EQ((*file)->records().size(), 2u);
}

TEST(ResultFileTest, ALineCutShortByACrashIsDropped) {
  const std::string path = FreshPath("cut");
  const std::string line = ToJsonLine(Record("whole"));
  std::ofstream(path) << line << '\n' << line.substr(0, line.size() / 2);
  {
    const auto file = ResultFile::Open(path);
    ASSERT_TRUE(file.ok()) << file.status();
    EXPECT_EQ((*file)->records().size(), 1u);
    ASSERT_TRUE((*file)->Append(Record("next")).ok());
  }
  EXPECT_EQ((*ResultFile::Open(path))->records().size(), 2u);
}

TEST(ResultFileTest, ReadingLeavesAFileAsItIs) {
  const std::string path = FreshPath("read");
  EXPECT_EQ(ResultFile::Read(path).status().code(), absl::StatusCode::kNotFound);
  EXPECT_FALSE(std::filesystem::exists(path));
  const std::string line = ToJsonLine(Record("whole"));
  std::ofstream(path) << line << '\n' << line.substr(0, line.size() / 2);
  const auto size = std::filesystem::file_size(path);
  const auto records = ResultFile::Read(path);
  ASSERT_TRUE(records.ok()) << records.status();
  EXPECT_EQ(records->size(), 1u);
  EXPECT_EQ(std::filesystem::file_size(path), size) << "another process may be writing";
}

TEST(ResultFileTest, ADamagedLineIsNamed) {
  const std::string path = FreshPath("damaged");
  std::ofstream(path) << ToJsonLine(Record("one")) << "\n{\"key\": 3}\n";
  const auto file = ResultFile::Open(path);
  EXPECT_EQ(file.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(file.status().message()), HasSubstr("damaged.jsonl:2"));
}

}  // namespace
}  // namespace rollout
