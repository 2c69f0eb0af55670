// The one thread that computes on a device.
#ifndef ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_THREAD_H_
#define ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_THREAD_H_

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/mutex.h"

namespace rollout {

// Runs pieces of work one after another on a thread of its own. LibTorch gives each thread that
// calls it an OpenMP team and caches of its own, so that the many threads of a server must not call
// it themselves. Owned jointly by the engines of one device; any thread may call Run.
class DeviceThread {
 public:
  // The thread of the device of that name, "cpu" or "cuda:0": the same one for as long as anybody
  // holds it.
  static std::shared_ptr<DeviceThread> For(const std::string& device);

  DeviceThread();
  // Nobody may be in Run.
  ~DeviceThread();

  // Blocks until `work` has run; returns its status. LibTorch's and C++'s exceptions become one:
  // RESOURCE_EXHAUSTED for a lack of memory, else INTERNAL.
  absl::Status Run(absl::FunctionRef<absl::Status()> work);

  // Whether further work waits behind that under way. Cheap.
  bool OthersWait() const { return waiting_.load(std::memory_order_relaxed) > 0; }

 private:
  struct Task {
    absl::FunctionRef<absl::Status()> work;
    absl::Status status;
    bool done = false;
  };

  void Work();

  Mutex mutex_;
  ConditionVariable changed_;
  std::deque<Task*> tasks_ ABSL_GUARDED_BY(mutex_);
  std::atomic<int> waiting_{0};  // tasks_.size()
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_TORCH_DEVICE_THREAD_H_
