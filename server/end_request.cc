#include "server/end_request.h"

#include <pthread.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <thread>

namespace rollout {

EndRequest::EndRequest() {
  sigemptyset(&signals_);
  sigaddset(&signals_, SIGTERM);
  sigaddset(&signals_, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
}

void EndRequest::Ask() {
  MutexLock lock(&mutex_);
  asked_ = true;
  changed_.NotifyAll();
}

void EndRequest::Wait() {
  // On a thread of its own, which goes with the process: signals come while this one drains, too.
  std::thread([this] { WatchSignals(); }).detach();
  MutexLock lock(&mutex_);
  while (!asked_) changed_.Wait(&mutex_);
}

void EndRequest::WatchSignals() {
  // Kept, for the process may be closing its log when the signal comes.
  const auto logger = spdlog::default_logger();
  int signal = 0;
  sigwait(&signals_, &signal);
  logger->info("event=signal number={}", signal);
  // To no other thread can the next one be delivered, and it ends the process.
  pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
  Ask();
  while (true) pause();
}

}  // namespace rollout
