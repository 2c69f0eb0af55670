#include "server/services/large_requests.h"

#include <utility>

namespace rollout {

LargeRequests::~LargeRequests() {
  {
    MutexLock lock(&mutex_);
    ending_ = true;
    changed_.NotifyOne();
  }
  thread_.join();
}

void LargeRequests::ReadElsewhere(std::function<void()> read) {
  MutexLock lock(&mutex_);
  waiting_.push_back(std::move(read));
  changed_.NotifyOne();
}

void LargeRequests::Work() {
  while (true) {
    std::function<void()> read;
    {
      MutexLock lock(&mutex_);
      while (waiting_.empty() && !ending_) changed_.Wait(&mutex_);
      if (waiting_.empty()) return;
      read = std::move(waiting_.front());
      waiting_.pop_front();
    }
    read();
  }
}

}  // namespace rollout
