#include "models/checkpoint/repository.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "models/checkpoint/folder.h"
#include "models/transition_model.h"

namespace rollout {
namespace {

constexpr size_t kMaxVersionDigits = 18;

absl::StatusOr<Fingerprint> FingerprintOf(const Folder& version) {
  absl::StatusOr<std::vector<std::string>> names = version.List();
  if (!names.ok()) return names.status();
  Fingerprint fingerprint;
  for (const std::string& name : *names) {
    if (name[0] == '.') continue;
    absl::StatusOr<struct stat> stat = version.Stat(name);
    if (!stat.ok()) return stat.status();
    fingerprint.files.push_back(
        {name, stat->st_size,
         static_cast<int64_t>(stat->st_mtim.tv_sec) * 1'000'000'000 + stat->st_mtim.tv_nsec,
         stat->st_ino});
  }
  return fingerprint;
}

void ScanModel(const Folder& root, const Folder& folder, RepositoryModel* model,
               std::vector<std::string>* ignored) {
  absl::StatusOr<std::vector<std::string>> names = folder.List();
  if (!names.ok()) {
    ignored->push_back(absl::StrCat(model->name, ": ", names.status().message()));
    return;
  }
  for (const std::string& name : *names) {
    if (name[0] == '.') continue;
    const std::optional<int64_t> number = ParseVersion(name);
    if (!number.has_value()) {
      ignored->push_back(absl::StrCat(model->name, "/", name,
                                      " is not a version: expected a positive decimal without "
                                      "leading zeros of at most 18 digits"));
      continue;
    }
    absl::StatusOr<Folder> version = folder.OpenInside(name, root);
    absl::StatusOr<Fingerprint> fingerprint =
        version.ok() ? FingerprintOf(*version) : version.status();
    if (fingerprint.ok()) {
      model->versions.push_back({*number, *std::move(fingerprint)});
    } else if (absl::IsPermissionDenied(fingerprint.status())) {
      // There, but not to be read: whoever reads it gets the reason.
      model->versions.push_back({*number, {}});
    } else {
      ignored->push_back(
          absl::StrCat(model->name, "/", name, ": ", fingerprint.status().message()));
    }
  }
  std::sort(model->versions.begin(), model->versions.end(),
            [](const auto& a, const auto& b) { return a.version < b.version; });
}

}  // namespace

std::optional<int64_t> ParseVersion(absl::string_view name) {
  int64_t version = 0;
  const bool digits =
      std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (name.empty() || name.size() > kMaxVersionDigits || !digits || name[0] == '0' ||
      !absl::SimpleAtoi(name, &version)) {
    return std::nullopt;
  }
  return version;
}

absl::StatusOr<RepositoryScan> ScanRepository(const std::string& repository) {
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<std::vector<std::string>> names = root->List();
  if (!names.ok()) return names.status();
  RepositoryScan scan;
  absl::StatusOr<struct stat> identity = root->Stat(".");
  if (!identity.ok()) return identity.status();
  scan.folder = {identity->st_dev, identity->st_ino};
  for (const std::string& name : *names) {
    if (name[0] == '.') continue;
    absl::StatusOr<Folder> folder = root->OpenInside(name, *root);
    if (!folder.ok()) {
      scan.ignored.push_back(absl::StrCat(name, " is not a model: ", folder.status().message()));
      continue;
    }
    if (!IsModelName(name)) {
      scan.ignored.push_back(
          absl::StrCat(name, " is not a model: expected a name [A-Za-z0-9][A-Za-z0-9._-]{0,63}"));
      continue;
    }
    RepositoryModel& model = scan.models.emplace_back();
    model.name = name;
    ScanModel(*root, *folder, &model, &scan.ignored);
  }
  return scan;
}

absl::StatusOr<Fingerprint> ReadFingerprint(const std::string& repository, const std::string& model,
                                            int64_t version) {
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<Folder> folder = root->OpenInside(model, *root);
  if (!folder.ok()) return folder.status();
  absl::StatusOr<Folder> inside = folder->OpenInside(absl::StrCat(version), *root);
  if (!inside.ok()) return inside.status();
  return FingerprintOf(*inside);
}

absl::StatusOr<std::vector<int64_t>> ListVersions(const std::string& repository,
                                                  const std::string& model) {
  absl::StatusOr<Folder> root = Folder::Open(repository);
  if (!root.ok()) return root.status();
  absl::StatusOr<Folder> folder = root->OpenInside(model, *root);
  if (absl::IsNotFound(folder.status())) return std::vector<int64_t>();
  if (!folder.ok()) return folder.status();
  absl::StatusOr<std::vector<std::string>> names = folder->List();
  if (!names.ok()) return names.status();
  std::vector<int64_t> versions;
  for (const std::string& name : *names) {
    if (const std::optional<int64_t> version = ParseVersion(name)) versions.push_back(*version);
  }
  std::sort(versions.begin(), versions.end());
  return versions;
}

}  // namespace rollout
