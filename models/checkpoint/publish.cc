#include "models/checkpoint/publish.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/folder.h"
#include "models/checkpoint/repository.h"

namespace rollout {
namespace {

constexpr char kStagingPrefix[] = ".staging-";
constexpr char kRemovedPrefix[] = ".removed-";

std::string RandomSuffix() {
  std::random_device random;
  return absl::StrCat(absl::Hex(random(), absl::kZeroPad8), absl::Hex(random(), absl::kZeroPad8));
}

absl::Status CheckContent(const CheckpointContent& content) {
  if (absl::Status s = ValidateModel(content.model); !s.ok()) return s;
  if (!content.golden.has_value()) return absl::OkStatus();
  std::vector<NamedTensor> tensors = GoldenToTensors(*content.golden, content.model.spec);
  for (const NamedTensor& tensor : tensors) {
    int64_t size = 1;
    for (const int64_t dimension : tensor.shape) size *= dimension;
    if (size != static_cast<int64_t>(tensor.data.size())) {
      return absl::InvalidArgumentError(absl::StrCat("golden set: ", tensor.name, ": found ",
                                                     tensor.data.size(), " numbers, expected ",
                                                     size));
    }
  }
  return GoldenFromTensors(std::move(tensors), content.model.spec).status();
}

// The folder of `model`, made if missing.
absl::StatusOr<Folder> OpenModelFolder(const Folder& root, const std::string& model) {
  absl::StatusOr<Folder> folder = root.OpenInside(model, root);
  if (!absl::IsNotFound(folder.status())) return folder;
  const absl::Status made = root.MakeFolder(model);
  if (!made.ok() && !absl::IsAlreadyExists(made)) return made;
  if (absl::Status s = root.Sync(); !s.ok()) return s;
  return root.OpenInside(model, root);
}

// Removes what killed publishers and pruners left. Failures do not matter to the caller: the next
// publication tries again, and readers ignore names with a dot.
void RemoveLeftovers(const Folder& folder, absl::Time now, absl::Duration age) {
  absl::StatusOr<std::vector<std::string>> names = folder.List();
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const bool removed = absl::StartsWith(name, kRemovedPrefix);
    if (!removed && !absl::StartsWith(name, kStagingPrefix)) continue;
    absl::StatusOr<struct stat> stat = folder.Stat(name);
    if (!stat.ok()) continue;
    if (removed || now - absl::TimeFromTimespec(stat->st_mtim) > age) {
      folder.RemoveTree(name).IgnoreError();
    }
  }
}

absl::Status WriteStaging(const Folder& root, const Folder& folder, const std::string& staging,
                          const std::map<std::string, std::string>& files) {
  if (absl::Status s = folder.MakeFolder(staging); !s.ok()) return s;
  absl::StatusOr<Folder> inside = folder.OpenInside(staging, root);
  if (!inside.ok()) return inside.status();
  for (const auto& [name, bytes] : files) {
    if (absl::Status s = inside->WriteNewFile(name, bytes); !s.ok()) return s;
  }
  return inside->Sync();
}

// Gives the staging folder the first free number above the highest there is.
absl::StatusOr<int64_t> TakeNextVersion(const Folder& folder, const std::string& staging) {
  while (true) {
    absl::StatusOr<std::vector<std::string>> names = folder.List();
    if (!names.ok()) return names.status();
    int64_t highest = 0;
    for (const std::string& name : *names) {
      highest = std::max(highest, ParseVersion(name).value_or(0));
    }
    const std::string next = absl::StrCat(highest + 1);
    if (!ParseVersion(next).has_value()) {
      return absl::OutOfRangeError(absl::StrCat(folder.path(), ": version ", highest,
                                                " is the last one that its name can hold"));
    }
    const absl::Status renamed = folder.RenameNoReplace(staging, next);
    if (renamed.ok()) return highest + 1;
    if (!absl::IsAlreadyExists(renamed)) return renamed;
  }
}

}  // namespace

absl::StatusOr<int64_t> PublishCheckpoint(const std::string& repository,
                                          const CheckpointContent& content, const Clock& clock,
                                          const PublishOptions& options) {
  if (absl::Status s = CheckContent(content); !s.ok()) return s;
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<Folder> folder = OpenModelFolder(*root, content.model.spec.name);
  if (!folder.ok()) return folder.status();
  RemoveLeftovers(*folder, clock.Now(), options.staging_age);

  const std::string staging = absl::StrCat(kStagingPrefix, RandomSuffix());
  const absl::Status written = WriteStaging(*root, *folder, staging, CheckpointFiles(content));
  absl::StatusOr<int64_t> version =
      written.ok() ? TakeNextVersion(*folder, staging) : absl::StatusOr<int64_t>(written);
  if (!version.ok()) {
    folder->RemoveTree(staging).IgnoreError();  // the first error is the one to report
    return version;
  }
  if (absl::Status s = folder->Sync(); !s.ok()) return s;
  return version;
}

absl::StatusOr<std::vector<int64_t>> PruneVersions(const std::string& repository,
                                                   const std::string& model, int keep) {
  if (keep < 1) {
    return absl::InvalidArgumentError(absl::StrCat("keep: found ", keep, ", expected 1 or more"));
  }
  absl::StatusOr<std::vector<int64_t>> versions = ListVersions(repository, model);
  if (!versions.ok() || static_cast<int>(versions->size()) <= keep) {
    return versions.ok() ? std::vector<int64_t>() : versions;
  }
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<Folder> folder = root->OpenInside(model, *root);
  if (!folder.ok()) return folder.status();
  std::vector<int64_t> removed;
  versions->resize(versions->size() - keep);
  for (const int64_t version : *versions) {
    const std::string aside = absl::StrCat(kRemovedPrefix, RandomSuffix());
    const absl::Status renamed = folder->RenameNoReplace(absl::StrCat(version), aside);
    if (absl::IsNotFound(renamed)) continue;  // another pruner was faster
    if (!renamed.ok()) return renamed;
    if (absl::Status s = folder->RemoveTree(aside); !s.ok()) return s;
    removed.push_back(version);
  }
  return removed;
}

}  // namespace rollout
