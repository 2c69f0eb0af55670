// What there is in a model repository: <repository>/<model>/<version>/.
#ifndef ROLLOUT_MODELS_CHECKPOINT_REPOSITORY_H_
#define ROLLOUT_MODELS_CHECKPOINT_REPOSITORY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

// Tells whether a version folder changed: equal fingerprints = the same files. Compares without
// reading a byte of them. A value.
struct Fingerprint {
  struct File {
    std::string name;
    int64_t size = 0;
    int64_t mtime_ns = 0;
    uint64_t inode = 0;
    friend bool operator==(const File&, const File&) = default;
  };
  std::vector<File> files;  // by name, without those that start with a dot
  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

struct RepositoryVersion {
  int64_t version = 0;
  Fingerprint fingerprint;
};

struct RepositoryModel {
  std::string name;
  std::vector<RepositoryVersion> versions;  // ascending
};

// Which folder stands at a path: another one after a mount, or after the folder was made anew.
struct FolderIdentity {
  uint64_t device = 0;
  uint64_t inode = 0;
  friend bool operator==(const FolderIdentity&, const FolderIdentity&) = default;
};

struct RepositoryScan {
  FolderIdentity folder;
  std::vector<RepositoryModel> models;  // by name; a model may have no version yet
  // One line for each entry that is neither a model nor a version nor starts with a dot: "hopper/01
  // is not a version: ...". For the log, once each.
  std::vector<std::string> ignored;
};

// The version that a folder's name says: a positive decimal without leading zeros of at most 18
// digits.
std::optional<int64_t> ParseVersion(absl::string_view name);

// One look at the repository; versions may come and go meanwhile. An error of the operating system
// only where the repository itself cannot be read: a model or version that vanishes or cannot be
// read is left out and noted in `ignored`.
absl::StatusOr<RepositoryScan> ScanRepository(const std::string& repository);

// Of one version as it is now. The operating system's error where it cannot be read.
absl::StatusOr<Fingerprint> ReadFingerprint(const std::string& repository, const std::string& model,
                                            int64_t version);

// Ascending; empty for a model without versions or that does not exist.
absl::StatusOr<std::vector<int64_t>> ListVersions(const std::string& repository,
                                                  const std::string& model);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_REPOSITORY_H_
