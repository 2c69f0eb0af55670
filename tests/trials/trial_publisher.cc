#include "tests/trials/trial_publisher.h"

#include <filesystem>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "models/checkpoint/publish.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/trial_model.h"

namespace rollout {
namespace {

std::map<std::string, std::string> DamagedFiles(const TransitionModelSpec& spec, uint64_t seed,
                                                int kind) {
  CheckpointContent content = TrialContent(spec, seed);
  if (kind == 3) {
    content.model.weights[0].data[0] = std::numeric_limits<float>::quiet_NaN();
  }
  std::map<std::string, std::string> files = CheckpointFiles(content);
  std::string& weights = files[kWeightsFile];
  if (kind == 0) weights.back() = static_cast<char>(weights.back() ^ 1);
  if (kind == 1) weights.resize(weights.size() / 2);
  if (kind == 2) files.erase(kWeightsFile);
  return files;
}

}  // namespace

absl::StatusOr<int64_t> TrialPublisher::Publish() {
  const auto version = PublishCheckpoint(repository_, TrialContent(spec_, last_ + 1), RealClock());
  if (!version.ok()) return version.status();
  if (*version != last_ + 1) {
    return absl::InternalError(
        absl::StrCat("published version ", *version, ", expected ", last_ + 1));
  }
  last_ = *version;
  return last_;
}

absl::StatusOr<int64_t> TrialPublisher::PublishDamaged(int kind) {
  const std::filesystem::path folder = std::filesystem::path(repository_) / spec_.name;
  const std::filesystem::path staging = folder / ".staging-damaged";
  std::filesystem::create_directories(staging);
  for (const auto& [name, bytes] : DamagedFiles(spec_, last_ + 1, kind)) {
    WriteFile(staging / name, bytes);
  }
  std::error_code error;
  std::filesystem::rename(staging, folder / std::to_string(last_ + 1), error);
  if (error) return absl::UnavailableError(absl::StrCat(staging.string(), ": ", error.message()));
  return ++last_;
}

absl::Status TrialPublisher::Prune(int keep) {
  return PruneVersions(repository_, spec_.name, keep).status();
}

}  // namespace rollout
