#include "server/registry/unloader.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace rollout {

Unloader::Unloader() : thread_([this] { Work(); }) {}

Unloader::~Unloader() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  thread_.join();
}

ServableHandle Unloader::Manage(std::unique_ptr<Servable> servable) {
  return ServableHandle(servable.release(),
                        [this](Servable* last) { Bury(std::unique_ptr<Servable>(last)); });
}

void Unloader::Bury(std::unique_ptr<Servable> servable) {
  MutexLock lock(&mutex_);
  buried_.push_back(std::move(servable));
  changed_.NotifyAll();
}

void Unloader::WaitUntilIdle() {
  MutexLock lock(&mutex_);
  while (!buried_.empty() || destroying_) changed_.Wait(&mutex_);
}

void Unloader::Work() {
  while (true) {
    std::vector<std::unique_ptr<Servable>> servables;
    {
      MutexLock lock(&mutex_);
      while (buried_.empty() && !stopping_) changed_.Wait(&mutex_);
      if (buried_.empty()) return;
      servables.swap(buried_);
      destroying_ = true;
    }
    for (std::unique_ptr<Servable>& servable : servables) {
      spdlog::info("event=version_unloaded model={} version={}", servable->name(),
                   servable->version());
      servable.reset();
    }
    {
      MutexLock lock(&mutex_);
      destroying_ = false;
      changed_.NotifyAll();
    }
  }
}

}  // namespace rollout
