// Reads every source file of the tree and holds its #include lines against the rooms' table in
// docs/architecture.md: who may include whom, and which rooms may see LibTorch, MuJoCo and gRPC.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;

// A path prefix may include only what starts with one of these (its own room is always allowed).
const std::map<std::string, std::vector<std::string>>& AllowedRooms() {
  static const auto* allowed = new std::map<std::string, std::vector<std::string>>{
      {"base/", {}},
      {"proto/", {}},
      {"datasets/", {"base/"}},
      {"models/", {"base/"}},
      {"models/checkpoint/", {"base/", "models/", "rollout/v1/"}},
      {"systems/", {"base/", "models/rewards/"}},
      {"planners/", {"base/", "models/engines/engine.h", "models/rewards/"}},
      {"trainer/", {"base/", "models/", "systems/", "datasets/"}},
      {"server/",
       {"base/", "rollout/v1/", "inference/", "grpc/health/v1/", "models/", "planners/",
        "datasets/"}},
      {"client/", {"base/", "rollout/v1/", "inference/", "grpc/health/v1/", "planners/"}},
  };
  return *allowed;
}

// Headers of a library, and the only path prefixes that may include them.
struct LibraryRule {
  std::string name;
  std::regex header;
  std::vector<std::string> rooms;
};

std::vector<LibraryRule> LibraryRules() {
  return {
      {"LibTorch",
       std::regex("^(ATen|c10|torch|caffe2)/"),
       {"models/dynamics/", "models/integrators/", "models/engines/torch", "trainer/",
        "experiments/", "tests/", "bench/"}},
      {"MuJoCo", std::regex("^mujoco/"), {"systems/", "experiments/", "tests/", "bench/"}},
      {"gRPC",
       std::regex("^grpc|^grpcpp/|\\.grpc\\.pb\\.h$"),
       {"server/", "client/", "experiments/", "tests/", "bench/"}},
  };
}

// The folders of the root that may hold code of ours: not what is hidden, built or fetched.
std::set<std::string> Rooms() {
  std::set<std::string> rooms;
  for (const auto& entry : fs::directory_iterator(".")) {
    const std::string name = entry.path().filename().string();
    if (!entry.is_directory() || name[0] == '.' || name == "build" || name == "third_party")
      continue;
    rooms.insert(name);
  }
  return rooms;
}

struct Include {
  std::string file;
  std::string header;
  bool quoted;
};

std::vector<Include> AllIncludes() {
  const std::set<std::string> extensions = {".h", ".cc", ".cu", ".cuh"};
  const std::regex pattern("^\\s*#\\s*include\\s*([<\"])([^>\"]+)[>\"]");
  std::vector<Include> includes;
  for (const std::string& room : Rooms()) {
    for (const auto& entry : fs::recursive_directory_iterator(room)) {
      if (extensions.count(entry.path().extension().string()) == 0) continue;
      std::ifstream file(entry.path());
      std::string line;
      std::smatch match;
      while (std::getline(file, line)) {
        if (std::regex_search(line, match, pattern)) {
          includes.push_back({entry.path().string(), match[2].str(), match[1].str() == "\""});
        }
      }
    }
  }
  return includes;
}

bool StartsWithAny(const std::string& path, const std::vector<std::string>& prefixes) {
  for (const std::string& prefix : prefixes) {
    if (absl::StartsWith(path, prefix)) return true;
  }
  return false;
}

// The longest prefix of AllowedRooms() that `file` lies under; nullopt for rooms that may include
// anything.
std::optional<std::string> RoomOf(const std::string& file) {
  std::optional<std::string> room;
  for (const auto& [prefix, allowed] : AllowedRooms()) {
    if (absl::StartsWith(file, prefix) && (!room || prefix.size() > room->size())) room = prefix;
  }
  return room;
}

// A sentence about what is wrong with one include, or nullopt.
std::optional<std::string> Violation(const Include& include) {
  for (const LibraryRule& rule : LibraryRules()) {
    if (std::regex_search(include.header, rule.header) &&
        !StartsWithAny(include.file, rule.rooms)) {
      return absl::StrCat(include.file, " includes ", include.header, ": ", rule.name,
                          "'s headers may not be seen there");
    }
  }
  const std::optional<std::string> room = RoomOf(include.file);
  if (!include.quoted || !room) return std::nullopt;
  const std::string own = include.file.substr(0, include.file.find('/') + 1);
  const bool generated = absl::EndsWith(include.header, ".pb.h");
  if (absl::StartsWith(include.header, own)) return std::nullopt;
  if (StartsWithAny(include.header, AllowedRooms().at(*room))) return std::nullopt;
  const bool ours = generated || RoomOf(include.header).has_value() ||
                    StartsWithAny(include.header, {"experiments/", "bench/", "tests/"});
  if (!ours) return std::nullopt;
  return absl::StrCat(include.file, " includes ", include.header, ", which ", *room, " may not");
}

TEST(IncludeOrderTest, NoFileIncludesWhatItsRoomMayNot) {
  const std::vector<Include> includes = AllIncludes();
  ASSERT_GT(includes.size(), 50u) << "run from the root of the tree";
  std::vector<std::string> violations;
  for (const Include& include : includes) {
    if (auto violation = Violation(include)) violations.push_back(*violation);
  }
  EXPECT_THAT(violations, testing::IsEmpty());
}

// A new folder must be given its place before anything is written there.
TEST(IncludeOrderTest, EveryFolderWithCodeHasARule) {
  const std::set<std::string> free = {"bench", "experiments", "tests"};
  std::set<std::string> unruled;
  for (const Include& include : AllIncludes()) {
    const std::string room = include.file.substr(0, include.file.find('/'));
    if (free.count(room) == 0 && !RoomOf(include.file)) unruled.insert(room);
  }
  EXPECT_THAT(unruled, testing::IsEmpty());
}

TEST(IncludeOrderTest, WrongIncludesAreFound) {
  EXPECT_TRUE(Violation({"models/engines/engine.h", "server/batcher.h", true}));
  EXPECT_TRUE(Violation({"models/dynamics/node.cc", "rollout/v1/model_spec.pb.h", true}));
  EXPECT_TRUE(Violation({"server/main.cc", "ATen/ATen.h", false}));
  EXPECT_TRUE(Violation({"trainer/main.cc", "mujoco/mujoco.h", false}));
  EXPECT_TRUE(Violation({"datasets/dataset.h", "models/transition_model.h", true}));
  EXPECT_TRUE(Violation({"client/client.h", "models/engines/engine.h", true}));
  EXPECT_TRUE(Violation({"planners/cem.cc", "models/checkpoint/checkpoint.h", true}));
  EXPECT_TRUE(Violation({"planners/cem.cc", "client/client.h", true}));
  EXPECT_TRUE(Violation({"planners/cem.cc", "ATen/core/Tensor.h", false}));
  EXPECT_TRUE(Violation({"server/main.cc", "experiments/runner.h", true}));
  EXPECT_TRUE(Violation({"trainer/main.cc", "experiments/runner.h", true}));
  EXPECT_FALSE(Violation({"planners/cem.cc", "models/engines/engine.h", true}));
  EXPECT_FALSE(Violation({"planners/cem.cc", "models/rewards/reward.h", true}));
  EXPECT_FALSE(Violation({"client/plan.cc", "planners/cem.h", true}));
  EXPECT_FALSE(Violation({"experiments/control.cc", "planners/cem.h", true}));
  EXPECT_FALSE(Violation({"experiments/control.cc", "ATen/core/Tensor.h", false}));
  EXPECT_FALSE(Violation({"models/checkpoint/reader.cc", "rollout/v1/model_spec.pb.h", true}));
  EXPECT_FALSE(Violation({"server/main.cc", "grpcpp/grpcpp.h", false}));
  EXPECT_FALSE(Violation({"tests/server/batcher_test.cc", "server/batcher.h", true}));
}

}  // namespace
}  // namespace rollout
