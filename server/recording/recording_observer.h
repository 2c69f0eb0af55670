#ifndef ROLLOUT_SERVER_RECORDING_RECORDING_OBSERVER_H_
#define ROLLOUT_SERVER_RECORDING_RECORDING_OBSERVER_H_

#include <cstdint>
#include <string>

namespace rollout {

// Told what becomes of reported transitions; outlives the recorder, called from any thread, must
// not block.
class RecordingObserver {
 public:
  virtual ~RecordingObserver() = default;
  virtual void TransitionsRecorded(const std::string& model, int64_t transitions) = 0;
  // `reason`: "queue_full" or "disk".
  virtual void TransitionsNotRecorded(const std::string& model, int64_t transitions,
                                      const char* reason) = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_RECORDING_OBSERVER_H_
