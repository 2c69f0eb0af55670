#include "server/recording/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::vector<nlohmann::json> Lines(const std::filesystem::path& path) {
  std::vector<nlohmann::json> lines;
  std::istringstream text(ReadFile(path));
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

AccessRecord Answered(int64_t lanes) {
  AccessRecord record;
  record.method = "TransitionModel/Rollout";
  record.model = "hopper";
  record.version = 3;
  record.lanes = lanes;
  record.horizon = 50;
  return record;
}

class AccessLogTest : public testing::Test {
 protected:
  AccessLogTest() { options_.file = (folder_ / "access.json").string(); }

  std::unique_ptr<AccessLog> Open() {
    auto log =
        std::make_unique<AccessLog>(options_, [this](int64_t lines) { lost_.fetch_add(lines); });
    EXPECT_OK(log->Open());
    return log;
  }

  TemporaryDirectory folder_;
  AccessLogOptions options_;
  std::atomic<int64_t> lost_{0};
};

TEST(AccessLineTest, TellsAllThatIsKnown) {
  AccessRecord record = Answered(64);
  record.time = absl::FromUnixMicros(1'700'000'000'123'456);
  record.id = "plan-\xff";  // no UTF-8
  record.duration = absl::Microseconds(1500);
  record.phases = {absl::Microseconds(20), absl::Microseconds(80), absl::Microseconds(1300),
                   absl::Microseconds(100)};
  record.trace = {"4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"};
  record.peer = "ipv4:10.0.0.7:41233";
  const nlohmann::json line = nlohmann::json::parse(AccessLine(record));
  const nlohmann::json expected = {{"time", "2023-11-14T22:13:20.123456Z"},
                                   {"method", "TransitionModel/Rollout"},
                                   {"code", "OK"},
                                   {"model", "hopper"},
                                   {"version", 3},
                                   {"id", "plan-\xef\xbf\xbd"},
                                   {"lanes", 64},
                                   {"horizon", 50},
                                   {"seconds", 0.0015},
                                   {"decode_seconds", 20e-6},
                                   {"queue_seconds", 80e-6},
                                   {"compute_seconds", 1300e-6},
                                   {"reply_seconds", 100e-6},
                                   {"trace_id", "4bf92f3577b34da6a3ce929d0e0e4736"},
                                   {"span_id", "00f067aa0ba902b7"},
                                   {"peer", "ipv4:10.0.0.7:41233"}};
  EXPECT_EQ(line, expected);
}

TEST(AccessLineTest, LeavesOutWhatIsNotKnownAndIsOneLine) {
  AccessRecord record;
  record.method = "TransitionModel/Rollout";
  record.status = absl::InvalidArgumentError("controls: got \"a\nb\"");
  const std::string text = AccessLine(record);
  EXPECT_EQ(text.find('\n'), std::string::npos);
  const nlohmann::json line = nlohmann::json::parse(text);
  EXPECT_EQ(line["code"], "INVALID_ARGUMENT");
  EXPECT_EQ(line["message"], "controls: got \"a\nb\"");
  EXPECT_EQ(line.size(), 5u) << text;  // with time and seconds
}

TEST_F(AccessLogTest, EveryRequestIsALineInItsOrder) {
  const auto log = Open();
  for (int64_t lanes = 1; lanes <= 100; ++lanes) log->Write(Answered(lanes));
  log->Close();
  const std::vector<nlohmann::json> lines = Lines(options_.file);
  ASSERT_EQ(lines.size(), 100u);
  for (int64_t lanes = 1; lanes <= 100; ++lanes) EXPECT_EQ(lines[lanes - 1]["lanes"], lanes);
  EXPECT_EQ(lost_.load(), 0);
}

TEST_F(AccessLogTest, FilesAreRotatedAndBounded) {
  options_.file_bytes = 4096;
  options_.files = 2;
  const auto log = Open();
  for (int64_t lanes = 1; lanes <= 200; ++lanes) log->Write(Answered(lanes));  // 20 KB and more
  log->Close();
  EXPECT_THAT(ListFolder(folder_.path()),
              ElementsAre("access.1.json", "access.2.json", "access.json"));
  for (const char* name : {"access.json", "access.1.json", "access.2.json"}) {
    EXPECT_LE(std::filesystem::file_size(folder_ / name), 4096u) << name;
  }
  EXPECT_EQ(Lines(options_.file).back()["lanes"], 200);
}

TEST_F(AccessLogTest, ManyThreadsLoseNothing) {
  const auto log = Open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) log->Write(Answered(1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  log->Close();
  EXPECT_EQ(Lines(options_.file).size(), 2000u);
}

TEST_F(AccessLogTest, WhatComesFasterThanItIsWrittenIsCounted) {
  options_.queue_records = 10;
  AccessLog log(options_, [this](int64_t lines) { lost_.fetch_add(lines); });
  for (int i = 0; i < 25; ++i) log.Write(Answered(1));  // nobody writes yet
  EXPECT_EQ(lost_.load(), 15);
  ASSERT_OK(log.Open());
  log.Close();
  EXPECT_EQ(Lines(options_.file).size(), 10u);
  log.Write(Answered(1));
  EXPECT_EQ(lost_.load(), 16) << "after the end";
}

TEST_F(AccessLogTest, AFullDiskIsCountedAndDisturbsNobody) {
  std::filesystem::create_symlink("/dev/full", options_.file);
  const auto log = Open();
  for (int i = 0; i < 1000; ++i) log->Write(Answered(1));
  log->Close();
  EXPECT_GT(lost_.load(), 0);
}

TEST_F(AccessLogTest, AFileThatCannotBeOpenedIsAnError) {
  WriteFile(folder_ / "file", "");
  options_.file = (folder_ / "file" / "access.json").string();
  AccessLog log(options_, [](int64_t) {});
  EXPECT_THAT(log.Open(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("access.json")));
}

}  // namespace
}  // namespace rollout
