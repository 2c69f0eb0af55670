#include "base/available_cores.h"

#include <sched.h>

#include <algorithm>

namespace rollout {

std::vector<int> AvailableCores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cores;
  // Fails on machines with more cores than cpu_set_t holds, 1024.
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cores;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

int NumAvailableCores() { return std::max(1, static_cast<int>(AvailableCores().size())); }

}  // namespace rollout
