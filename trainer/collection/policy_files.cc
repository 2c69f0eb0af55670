#include "trainer/collection/policy_files.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "trainer/sac/actor_file.h"

namespace rollout {

absl::StatusOr<std::shared_ptr<const Actor>> LoadActor(const std::string& path) {
  absl::StatusOr<Actor> actor = ReadActorFile(path);
  if (!actor.ok()) return actor.status();
  return std::make_shared<const Actor>(*std::move(actor));
}

std::vector<std::string> SnapshotsBeside(const std::string& actor_file) {
  std::vector<std::string> snapshots;
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::path(actor_file).parent_path();
  for (const auto& entry :
       std::filesystem::directory_iterator(folder.empty() ? "." : folder, error)) {
    const std::string name = entry.path().filename().string();
    if (absl::StartsWith(name, "snapshot-") && absl::EndsWith(name, ".safetensors")) {
      snapshots.push_back(entry.path().string());
    }
  }
  // By the number of steps in the name: shorter numbers are smaller.
  std::sort(snapshots.begin(), snapshots.end(), [](const std::string& a, const std::string& b) {
    return std::pair(a.size(), a) < std::pair(b.size(), b);
  });
  return snapshots;
}

}  // namespace rollout
