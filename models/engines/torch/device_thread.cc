#include "models/engines/torch/device_thread.h"

#include <c10/util/Exception.h>

#include <map>
#include <new>
#include <stdexcept>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

bool SaysOutOfMemory(const std::string& message) {
  return absl::StrContains(message, "allocate memory") ||
         absl::StrContains(message, "not enough memory") ||
         absl::StrContains(message, "out of memory");
}

absl::Status OutOfMemory(const std::string& message) {
  return absl::ResourceExhaustedError(absl::StrCat("torch engine: out of memory: ", message));
}

absl::Status Guarded(absl::FunctionRef<absl::Status()> work) {
  try {
    return work();
  } catch (const c10::OutOfMemoryError& error) {
    return OutOfMemory(error.what_without_backtrace());
  } catch (const c10::Error& error) {
    const std::string message = error.what_without_backtrace();
    return SaysOutOfMemory(message) ? OutOfMemory(message)
                                    : absl::InternalError(absl::StrCat("torch engine: ", message));
  } catch (const std::bad_alloc& error) {
    return OutOfMemory(error.what());
  } catch (const std::length_error& error) {
    return OutOfMemory(error.what());
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("torch engine: ", error.what()));
  }
}

// The threads there are. Engines are made through a C function that is given nothing, so that what
// they share must be found from here; it holds nothing alive.
struct Registry {
  Mutex mutex;
  std::map<std::string, std::weak_ptr<DeviceThread>> threads ABSL_GUARDED_BY(mutex);
};

Registry& TheRegistry() {
  static Registry* const registry = new Registry;  // outlives every engine
  return *registry;
}

}  // namespace

std::shared_ptr<DeviceThread> DeviceThread::For(const std::string& device) {
  Registry& registry = TheRegistry();
  MutexLock lock(&registry.mutex);
  std::weak_ptr<DeviceThread>& entry = registry.threads[device];
  std::shared_ptr<DeviceThread> thread = entry.lock();
  if (thread == nullptr) {
    thread = std::make_shared<DeviceThread>();
    entry = thread;
  }
  return thread;
}

DeviceThread::DeviceThread() : thread_([this] { Work(); }) {}

DeviceThread::~DeviceThread() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

absl::Status DeviceThread::Run(absl::FunctionRef<absl::Status()> work) {
  Task task{work, absl::OkStatus(), false};
  MutexLock lock(&mutex_);
  tasks_.push_back(&task);
  waiting_.fetch_add(1, std::memory_order_relaxed);
  changed_.NotifyAll();
  while (!task.done) changed_.Wait(&mutex_);
  return task.status;
}

void DeviceThread::Work() {
  mutex_.Lock();
  for (;;) {
    while (tasks_.empty() && !stopping_) changed_.Wait(&mutex_);
    if (tasks_.empty()) break;
    Task* task = tasks_.front();
    tasks_.pop_front();
    waiting_.fetch_sub(1, std::memory_order_relaxed);
    mutex_.Unlock();
    absl::Status status = Guarded(task->work);
    mutex_.Lock();
    task->status = std::move(status);
    task->done = true;
    changed_.NotifyAll();
  }
  mutex_.Unlock();
}

}  // namespace rollout
