// The raw results of one experiment on disk.
#ifndef ROLLOUT_EXPERIMENTS_RESULT_FILE_H_
#define ROLLOUT_EXPERIMENTS_RESULT_FILE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "experiments/run_record.h"

namespace rollout {

// Records, one a line, in the order in which their runs ended. A record is written and flushed when
// its run ends, so that an interrupted experiment goes on with the runs that have none; a last line
// cut short by a crash is dropped when the file is opened. Any thread.
class ResultFile {
 public:
  // Makes the file if there is none. INVALID_ARGUMENT naming file and line of a damaged record that
  // is not the last; PERMISSION_DENIED or NOT_FOUND where the file cannot be opened.
  static absl::StatusOr<std::unique_ptr<ResultFile>> Open(const std::string& path);

  // The records of a file that another process may be writing, which is left as it is. NOT_FOUND
  // where it cannot be opened, INVALID_ARGUMENT as above.
  static absl::StatusOr<std::vector<RunRecord>> Read(const std::string& path);

  bool Has(const std::string& key) const ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<RunRecord> records() const ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Append(const RunRecord& record) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  explicit ResultFile(std::string path) : path_(std::move(path)) {}

  const std::string path_;
  mutable Mutex mutex_;
  std::vector<RunRecord> records_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_RESULT_FILE_H_
