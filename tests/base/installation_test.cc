#include "base/installation.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace rollout {
namespace {

namespace fs = std::filesystem;

TEST(InstallationTest, TheExecutableFolderHoldsThisTest) {
  const auto folder = ExecutableFolder();
  ASSERT_TRUE(folder.has_value());
  EXPECT_TRUE(fs::exists(*folder / "installation_test"));
}

TEST(InstallationTest, TheFirstCandidateThatExistsIsTaken) {
  const fs::path root = fs::path(testing::TempDir()) / "installation_test";
  fs::remove_all(root);
  fs::create_directories(root / "bin");
  fs::create_directories(root / "lib/engines");
  EXPECT_EQ(FirstExisting(root / "bin", {"engines", "../lib/engines"}), root / "lib/engines");
  fs::create_directories(root / "bin/engines");
  EXPECT_EQ(FirstExisting(root / "bin", {"engines", "../lib/engines"}), root / "bin/engines");
  EXPECT_EQ(FirstExisting(root / "bin", {"elsewhere"}), std::nullopt);
  fs::remove_all(root);
}

}  // namespace
}  // namespace rollout
