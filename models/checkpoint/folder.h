#ifndef ROLLOUT_MODELS_CHECKPOINT_FOLDER_H_
#define ROLLOUT_MODELS_CHECKPOINT_FOLDER_H_

#include <sys/stat.h>

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace rollout {

// An open folder; everything in it is named relative to it, so that what was checked and what is
// read are the same folder even while somebody moves or replaces its path. A value that owns a file
// descriptor: move only, any thread may use the const functions at the same time. Errors are those
// of the operating system (NOT_FOUND, PERMISSION_DENIED, RESOURCE_EXHAUSTED for a full disk ...)
// with the path in the message.
class Folder {
 public:
  static absl::StatusOr<Folder> Open(const std::string& path);

  Folder(Folder&& other) noexcept;
  Folder& operator=(Folder&& other) noexcept;
  ~Folder();

  // The sub-folder `name`. A symbolic link is followed only where it ends inside `root`;
  // PERMISSION_DENIED where it does not.
  absl::StatusOr<Folder> OpenInside(const std::string& name, const Folder& root) const;

  // Names of all entries but "." and "..", sorted.
  absl::StatusOr<std::vector<std::string>> List() const;

  // Of the entry itself, not of what a symbolic link points to.
  absl::StatusOr<struct stat> Stat(const std::string& name) const;

  // The bytes of a regular file of at most `max_bytes`, which is compared before memory is taken.
  // INVALID_ARGUMENT for a symbolic link, anything else that is not a regular file, or more bytes;
  // DATA_LOSS where it changes meanwhile.
  absl::StatusOr<std::string> ReadFile(const std::string& name, int64_t max_bytes) const;

  // A new file, written and synced. ALREADY_EXISTS where there is one.
  absl::Status WriteNewFile(const std::string& name, absl::string_view bytes) const;
  // The file `name` with these bytes, synced, in one step: whoever reads it meanwhile finds the old
  // file or the new one.
  absl::Status ReplaceFile(const std::string& name, absl::string_view bytes) const;
  absl::Status MakeFolder(const std::string& name) const;
  // Renames within this folder; ALREADY_EXISTS, and nothing done, where `to` exists.
  absl::Status RenameNoReplace(const std::string& from, const std::string& to) const;
  // Removes the sub-folder `name` and what it holds, never what links in it point to. Missing = OK.
  absl::Status RemoveTree(const std::string& name) const;
  // Makes names and renames in this folder survive a crash.
  absl::Status Sync() const;

  const std::string& path() const { return path_; }

 private:
  Folder(int fd, std::string path);
  std::string PathOf(const std::string& name) const { return path_ + "/" + name; }

  int fd_;
  std::string path_;  // for messages
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_CHECKPOINT_FOLDER_H_
