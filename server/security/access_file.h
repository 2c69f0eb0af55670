#ifndef ROLLOUT_SERVER_SECURITY_ACCESS_FILE_H_
#define ROLLOUT_SERVER_SECURITY_ACCESS_FILE_H_

#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "server/security/access_list.h"

namespace rollout {

// An access list on disk, read again when it changes: looked at every `poll_interval` by a thread
// of its own (secrets that an orchestrator mounts change by renaming, which a look by name sees and
// a watch of the file would not). A file that has become bad or unreadable is logged once, and what
// was last good stays in force. Owned by the server; any thread.
class AccessFile {
 public:
  // NOT_FOUND or INVALID_ARGUMENT naming file, line and what is wrong.
  static absl::StatusOr<std::unique_ptr<AccessFile>> Open(const std::string& path,
                                                          absl::Duration poll_interval);
  // What Open reads at first, with its errors.
  static absl::StatusOr<AccessList> Load(const std::string& path);
  ~AccessFile();
  AccessFile(const AccessFile&) = delete;
  AccessFile& operator=(const AccessFile&) = delete;

  // What is in force now.
  std::shared_ptr<const AccessList> list() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Looks at the file once: what the thread does every `poll_interval`.
  void Refresh() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What tells one content of the file from another without reading it.
  struct Fingerprint {
    int64_t modified_ns = 0;
    int64_t size = -1;  // -1 = there is no file
    uint64_t inode = 0;
    friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
  };

  AccessFile(std::string path, absl::Duration poll_interval);
  static Fingerprint Look(const std::string& path);
  void Put(AccessList list) ABSL_LOCKS_EXCLUDED(mutex_);
  void Watch() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string path_;
  const absl::Duration poll_interval_;

  mutable Mutex mutex_;
  ConditionVariable stopped_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  Fingerprint last_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<const AccessList> list_ ABSL_GUARDED_BY(mutex_);
  std::thread watcher_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SECURITY_ACCESS_FILE_H_
