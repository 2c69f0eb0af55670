#include "trainer/stop_signal.h"

#include <csignal>

namespace rollout {
namespace {

// A signal handler can reach nothing but a static. Lock-free.
std::atomic<bool> stop_requested = false;

void RequestStop(int signal) {
  stop_requested = true;
  std::signal(signal, SIG_DFL);
}

}  // namespace

const std::atomic<bool>& CatchStopSignals() {
  std::signal(SIGINT, RequestStop);
  std::signal(SIGTERM, RequestStop);
  return stop_requested;
}

}  // namespace rollout
