// One line a request, in a file.
#ifndef ROLLOUT_SERVER_RECORDING_ACCESS_LOG_H_
#define ROLLOUT_SERVER_RECORDING_ACCESS_LOG_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "server/recording/access_record.h"
#include "server/recording/bounded_queue.h"

namespace spdlog::sinks {
class sink;
}  // namespace spdlog::sinks

namespace rollout {

struct AccessLogOptions {
  std::string file;                            // empty = none
  int64_t file_bytes = int64_t{64} << 20;      // then it becomes <name>.1.<extension>
  int files = 4;                               // older ones that are kept
  int64_t queue_records = int64_t{16} * 1024;  // that may wait to be written
};

// Writes records as JSON lines, on a thread of its own: requests neither format nor wait for the
// disk, and what comes faster than the disk takes it is counted and left out. Owned by the server;
// any thread may write.
class AccessLog {
 public:
  // `lost` is told of lines that were not written, on any thread; it must not block.
  AccessLog(const AccessLogOptions& options, std::function<void(int64_t)> lost);
  ~AccessLog();
  AccessLog(const AccessLog&) = delete;
  AccessLog& operator=(const AccessLog&) = delete;

  // Begins to write; what was handed over before waits for it. UNAVAILABLE with the system's reason
  // where the file cannot be opened.
  absl::Status Open();

  void Write(AccessRecord record);

  // Writes what waits; what comes later is lost. One thread; may be called again.
  void Close();

 private:
  void Run();
  void WriteLine(const AccessRecord& record);
  void Failed(const char* reason);

  const AccessLogOptions options_;
  const std::function<void(int64_t)> lost_;
  std::shared_ptr<spdlog::sinks::sink> sink_;  // of the writing thread
  bool failing_ = false;                       // of the writing thread
  BoundedQueue<AccessRecord> queue_;
  std::thread writer_;  // uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_ACCESS_LOG_H_
