#ifndef ROLLOUT_BASE_PROCESS_USAGE_H_
#define ROLLOUT_BASE_PROCESS_USAGE_H_

namespace rollout {

// What this process has used of the machine, as Linux counts it.
struct ProcessUsage {
  double cpu_seconds = 0;  // user and system, all threads
  double resident_bytes = 0;
  double heap_bytes = 0;  // that malloc has given out and not got back; the rest it keeps for later
  double threads = 0;
  double open_files = 0;
  double start_time_seconds = 0;  // since 1970
};

// Reads /proc/self; what it does not say stays 0. Any thread.
ProcessUsage ReadProcessUsage();

}  // namespace rollout

#endif  // ROLLOUT_BASE_PROCESS_USAGE_H_
