#include "models/checkpoint/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <random>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

constexpr int kFolderFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;

absl::Status Error(int error, absl::string_view what, const std::string& path) {
  return absl::ErrnoToStatus(error, absl::StrCat("cannot ", what, " ", path));
}

// A file descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  // Errors of a delayed write show up here on network file systems.
  int Close() { return close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// Where an open folder lies now, all links resolved; empty where the kernel does not say.
std::string RealPath(int fd) {
  std::array<char, PATH_MAX> target;
  const std::string link = absl::StrCat("/proc/self/fd/", fd);
  const ssize_t length = readlink(link.c_str(), target.data(), target.size());
  return length > 0 ? std::string(target.data(), length) : std::string();
}

absl::Status WriteAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return Error(errno, "write", path);
    bytes.remove_prefix(written);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> ListOf(int fd, const std::string& path) {
  // A descriptor of its own: reading a folder moves the position of the one that is read.
  const int own = openat(fd, ".", kFolderFlags);
  if (own < 0) return Error(errno, "list", path);
  std::unique_ptr<DIR, int (*)(DIR*)> stream(fdopendir(own), closedir);
  if (stream == nullptr) {
    const int error = errno;
    close(own);
    return Error(error, "list", path);
  }
  std::vector<std::string> names;
  errno = 0;
  while (const dirent* entry = readdir(stream.get())) {
    const std::string name = entry->d_name;
    if (name != "." && name != "..") names.push_back(name);
  }
  if (errno != 0) return Error(errno, "list", path);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

Folder::Folder(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
Folder::Folder(Folder&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), path_(std::move(other.path_)) {}
Folder& Folder::operator=(Folder&& other) noexcept {
  std::swap(fd_, other.fd_);
  std::swap(path_, other.path_);
  return *this;
}
Folder::~Folder() {
  if (fd_ >= 0) close(fd_);
}

absl::StatusOr<Folder> Folder::Open(const std::string& path) {
  const int fd = open(path.c_str(), kFolderFlags);
  if (fd < 0) return Error(errno, "open folder", path);
  return Folder(fd, path);
}

absl::StatusOr<Folder> Folder::OpenInside(const std::string& name, const Folder& root) const {
  const int fd = openat(fd_, name.c_str(), kFolderFlags);
  if (fd < 0) return Error(errno, "open folder", PathOf(name));
  Folder folder(fd, PathOf(name));
  struct stat entry;
  if (fstatat(fd_, name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error(errno, "look at", PathOf(name));
  }
  // Asked of the open folder, not of the path, which could change between question and use.
  const std::string inside = RealPath(fd), outside = RealPath(root.fd_);
  if (inside.empty() || outside.empty()) {
    if (S_ISLNK(entry.st_mode)) {
      return absl::PermissionDeniedError(
          absl::StrCat(PathOf(name), " is a symbolic link whose end cannot be found out"));
    }
    return folder;
  }
  const std::string prefix = absl::EndsWith(outside, "/") ? outside : absl::StrCat(outside, "/");
  if (!absl::StartsWith(inside, prefix)) {
    return absl::PermissionDeniedError(
        absl::StrCat(PathOf(name), " leads to ", inside, ", outside ", root.path_));
  }
  return folder;
}

absl::StatusOr<std::vector<std::string>> Folder::List() const { return ListOf(fd_, path_); }

absl::StatusOr<struct stat> Folder::Stat(const std::string& name) const {
  struct stat entry;
  if (fstatat(fd_, name.c_str(), &entry, AT_SYMLINK_NOFOLLOW) != 0) {
    return Error(errno, "look at", PathOf(name));
  }
  return entry;
}

absl::StatusOr<std::string> Folder::ReadFile(const std::string& name, int64_t max_bytes) const {
  // O_NONBLOCK: opening a named pipe must not wait for a writer.
  const Descriptor file(
      openat(fd_, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (file.get() < 0) {
    if (errno == ELOOP) {
      return absl::InvalidArgumentError(
          absl::StrCat(PathOf(name), " is a symbolic link, expected a regular file"));
    }
    return Error(errno, "open", PathOf(name));
  }
  struct stat entry;
  if (fstat(file.get(), &entry) != 0) return Error(errno, "look at", PathOf(name));
  if (!S_ISREG(entry.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(PathOf(name), " is not a regular file"));
  }
  if (entry.st_size > max_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(PathOf(name), ": found ", entry.st_size,
                                                   " bytes, expected at most ", max_bytes));
  }
  std::string bytes(entry.st_size, '\0');
  size_t position = 0;
  while (position < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + position, bytes.size() - position);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error(errno, "read", PathOf(name));
    if (count == 0) {
      return absl::DataLossError(
          absl::StrCat(PathOf(name), " shrank to ", position, " bytes while it was read"));
    }
    position += count;
  }
  return bytes;
}

absl::Status Folder::WriteNewFile(const std::string& name, absl::string_view bytes) const {
  const std::string path = PathOf(name);
  Descriptor file(
      openat(fd_, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644));
  if (file.get() < 0) return Error(errno, "create", path);
  if (absl::Status s = WriteAll(file.get(), bytes, path); !s.ok()) return s;
  if (fsync(file.get()) != 0) return Error(errno, "sync", path);
  if (file.Close() != 0) return Error(errno, "close", path);
  return absl::OkStatus();
}

absl::Status Folder::ReplaceFile(const std::string& name, absl::string_view bytes) const {
  std::random_device random;
  const std::string temporary =
      absl::StrCat(".", name, ".", absl::Hex(random()), absl::Hex(random()));
  absl::Status status = WriteNewFile(temporary, bytes);
  if (status.ok() && renameat(fd_, temporary.c_str(), fd_, name.c_str()) != 0) {
    status = Error(errno, "replace", PathOf(name));
  }
  if (!status.ok()) {
    unlinkat(fd_, temporary.c_str(), 0);
    return status;
  }
  return Sync();
}

absl::Status Folder::MakeFolder(const std::string& name) const {
  if (mkdirat(fd_, name.c_str(), 0755) != 0) return Error(errno, "create folder", PathOf(name));
  return absl::OkStatus();
}

absl::Status Folder::RenameNoReplace(const std::string& from, const std::string& to) const {
  if (renameat2(fd_, from.c_str(), fd_, to.c_str(), RENAME_NOREPLACE) != 0) {
    return Error(errno, absl::StrCat("rename ", PathOf(from), " to"), PathOf(to));
  }
  return absl::OkStatus();
}

absl::Status Folder::RemoveTree(const std::string& name) const {
  const std::string path = PathOf(name);
  {
    const Descriptor folder(openat(fd_, name.c_str(), kFolderFlags | O_NOFOLLOW));
    if (folder.get() < 0) {
      if (errno == ENOENT) return absl::OkStatus();
      if (errno != ENOTDIR && errno != ELOOP) return Error(errno, "open folder", path);
      if (unlinkat(fd_, name.c_str(), 0) != 0 && errno != ENOENT)
        return Error(errno, "remove", path);
      return absl::OkStatus();
    }
    absl::StatusOr<std::vector<std::string>> names = ListOf(folder.get(), path);
    if (!names.ok()) return names.status();
    for (const std::string& child : *names) {
      if (unlinkat(folder.get(), child.c_str(), 0) == 0 || errno == ENOENT) continue;
      if (errno != EISDIR && errno != EPERM) return Error(errno, "remove", path + "/" + child);
      const Folder inner(dup(folder.get()), path);
      if (absl::Status s = inner.RemoveTree(child); !s.ok()) return s;
    }
  }
  if (unlinkat(fd_, name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
    return Error(errno, "remove folder", path);
  }
  return absl::OkStatus();
}

absl::Status Folder::Sync() const {
  if (fsync(fd_) != 0) return Error(errno, "sync folder", path_);
  return absl::OkStatus();
}

}  // namespace rollout
