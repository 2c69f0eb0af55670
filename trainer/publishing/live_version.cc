#include "trainer/publishing/live_version.h"

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/repository.h"
#include "spdlog/spdlog.h"

namespace rollout {

absl::StatusOr<std::optional<LiveVersion>> FindLiveVersion(const std::string& repository,
                                                           const std::string& model) {
  const auto versions = ListVersions(repository, model);
  if (!versions.ok()) return versions.status();
  for (auto version = versions->rbegin(); version != versions->rend(); ++version) {
    auto checkpoint = ReadCheckpoint(repository, model, *version);
    if (checkpoint.ok()) return LiveVersion{*version, *std::move(checkpoint)};
    spdlog::warn("{} version {} cannot be read: {}", model, *version,
                 std::string(checkpoint.status().message()));
  }
  return std::nullopt;
}

absl::StatusOr<LiveVersion> ReadVersion(const std::string& repository, const std::string& model,
                                        int64_t version) {
  if (version > 0) {
    auto checkpoint = ReadCheckpoint(repository, model, version);
    if (!checkpoint.ok()) return checkpoint.status();
    return LiveVersion{version, *std::move(checkpoint)};
  }
  auto live = FindLiveVersion(repository, model);
  if (!live.ok()) return live.status();
  if (!live->has_value()) {
    return absl::NotFoundError(
        absl::StrCat("model repository ", repository, " has no readable version of ", model));
  }
  return **std::move(live);
}

}  // namespace rollout
