// Ending a command by SIGINT or SIGTERM without leaving anything half done.
#ifndef ROLLOUT_TRAINER_STOP_SIGNAL_H_
#define ROLLOUT_TRAINER_STOP_SIGNAL_H_

#include <atomic>

namespace rollout {

// From now on SIGINT and SIGTERM set the returned flag instead of ending the process; a second one
// ends it at once. For the main thread of a command, once.
const std::atomic<bool>& CatchStopSignals();

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_STOP_SIGNAL_H_
