#include "server/security/access_file.h"

#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/printable.h"

namespace rollout {
namespace {

constexpr char kRemedy[] =
    "give a file that this user may read, with a line each of name, permissions and credential";

absl::StatusOr<AccessList> ReadList(const std::string& path) {
  std::ifstream file(path);
  std::stringstream text;
  if (file) text << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat(path, ": cannot be read; ", kRemedy));
  absl::StatusOr<AccessList> list = AccessList::Parse(text.str());
  if (list.ok()) return list;
  return absl::InvalidArgumentError(absl::StrCat(path, ": ", list.status().message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<AccessFile>> AccessFile::Open(const std::string& path,
                                                             absl::Duration poll_interval) {
  std::unique_ptr<AccessFile> file(new AccessFile(path, poll_interval));
  {
    MutexLock lock(&file->mutex_);
    file->last_ = Look(path);
  }
  auto list = Load(path);
  if (!list.ok()) return list.status();
  file->Put(*std::move(list));
  file->watcher_ = std::thread([raw = file.get()] { raw->Watch(); });
  return file;
}

absl::StatusOr<AccessList> AccessFile::Load(const std::string& path) {
  auto list = ReadList(path);
  // At a start that is a secret that was not filled in; later it takes every right away, as it
  // should.
  if (list.ok() && list->size() == 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": names nobody; ", kRemedy));
  }
  return list;
}

AccessFile::AccessFile(std::string path, absl::Duration poll_interval)
    : path_(std::move(path)), poll_interval_(poll_interval) {}

AccessFile::~AccessFile() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stopped_.NotifyAll();
  if (watcher_.joinable()) watcher_.join();
}

std::shared_ptr<const AccessList> AccessFile::list() const {
  MutexLock lock(&mutex_);
  return list_;
}

AccessFile::Fingerprint AccessFile::Look(const std::string& path) {
  struct stat entry;
  if (stat(path.c_str(), &entry) != 0) return {};
  return {static_cast<int64_t>(entry.st_mtim.tv_sec) * 1'000'000'000 + entry.st_mtim.tv_nsec,
          static_cast<int64_t>(entry.st_size), static_cast<uint64_t>(entry.st_ino)};
}

void AccessFile::Put(AccessList list) {
  auto shared = std::make_shared<const AccessList>(std::move(list));
  spdlog::info("event=access_file path={} credentials={}", path_, shared->size());
  MutexLock lock(&mutex_);
  list_ = std::move(shared);
}

void AccessFile::Refresh() {
  const Fingerprint fingerprint = Look(path_);
  {
    MutexLock lock(&mutex_);
    if (fingerprint == last_) return;
    last_ = fingerprint;
  }
  auto list = ReadList(path_);
  if (list.ok()) {
    Put(*std::move(list));
  } else {
    spdlog::error("event=access_file_bad reason=\"{}\" consequence=\"the last good one stays\"",
                  ForQuotes(list.status().message()));
  }
}

void AccessFile::Watch() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      if (!stopping_) stopped_.WaitFor(&mutex_, poll_interval_);
      if (stopping_) return;
    }
    Refresh();
  }
}

}  // namespace rollout
