#include "server/registry/repository_watcher.h"

#include <spdlog/spdlog.h>

#include "base/printable.h"

namespace rollout {

RepositoryWatcher::RepositoryWatcher(ModelRegistry* registry, absl::Duration poll_interval)
    : registry_(registry),
      poll_interval_(poll_interval),
      watcher_([this] { Watch(); }),
      loader_([this] { Load(); }) {}

RepositoryWatcher::~RepositoryWatcher() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  watcher_.join();
  loader_.join();
}

void RepositoryWatcher::LookNow() {
  MutexLock lock(&mutex_);
  look_now_ = true;
  look_for_loads_ = true;
  changed_.NotifyAll();
}

void RepositoryWatcher::Watch() {
  std::string last_error;
  while (true) {
    const absl::Status status = registry_->Poll();
    // Once when it begins and once when it ends, not every second.
    if (!status.ok() && last_error.empty()) {
      spdlog::error("event=repository_unreadable reason=\"{}\"", ForQuotes(status.message()));
    } else if (status.ok() && !last_error.empty()) {
      spdlog::info("event=repository_readable_again");
    }
    last_error = status.ok() ? "" : std::string(status.message());

    MutexLock lock(&mutex_);
    look_for_loads_ = true;
    changed_.NotifyAll();
    // Measured by the steady clock; waking early only means looking early.
    if (!stopping_ && !look_now_) changed_.WaitFor(&mutex_, poll_interval_);
    look_now_ = false;
    if (stopping_) return;
  }
}

void RepositoryWatcher::Load() {
  while (true) {
    {
      MutexLock lock(&mutex_);
      while (!look_for_loads_ && !stopping_) changed_.Wait(&mutex_);
      if (stopping_) return;
      look_for_loads_ = false;
    }
    while (registry_->LoadNext()) {
      MutexLock lock(&mutex_);
      if (stopping_) return;
    }
  }
}

}  // namespace rollout
