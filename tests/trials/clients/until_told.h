#ifndef ROLLOUT_TESTS_TRIALS_CLIENTS_UNTIL_TOLD_H_
#define ROLLOUT_TESTS_TRIALS_CLIENTS_UNTIL_TOLD_H_

#include <atomic>
#include <csignal>

namespace rollout {

// Whether SIGTERM or SIGINT has come since the first call, which starts to listen for them. A
// handler can reach nothing but a variable of static storage.
inline bool ToldToEnd() {
  static std::atomic<bool> told = false;
  static_assert(std::atomic<bool>::is_always_lock_free);
  static const bool listening = [] {
    for (const int number : {SIGTERM, SIGINT}) std::signal(number, [](int) { told = true; });
    return true;
  }();
  return listening && told;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_CLIENTS_UNTIL_TOLD_H_
