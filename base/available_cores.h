#ifndef ROLLOUT_BASE_AVAILABLE_CORES_H_
#define ROLLOUT_BASE_AVAILABLE_CORES_H_

#include <vector>

#include "absl/status/status.h"

namespace rollout {

// The cores that the calling thread may run on, ascending: fewer than the machine has where
// taskset, a container's cpuset or Kubernetes' CPU manager says so, which
// std::thread::hardware_concurrency does not see. Empty where the system does not say. Any thread.
std::vector<int> AvailableCores();

// How many these are; at least 1.
int NumAvailableCores();

// The calling thread and those that it starts from now on stay on `cores`; empty = no change.
absl::Status StayOn(const std::vector<int>& cores);

}  // namespace rollout

#endif  // ROLLOUT_BASE_AVAILABLE_CORES_H_
