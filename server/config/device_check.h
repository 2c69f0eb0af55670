// Whether the device that --device names is on this machine, asked once before anything is served.
#ifndef ROLLOUT_SERVER_CONFIG_DEVICE_CHECK_H_
#define ROLLOUT_SERVER_CONFIG_DEVICE_CHECK_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"

namespace rollout {

// How many devices CUDA's driver sees, or why it cannot tell.
using CountDevices = std::function<absl::StatusOr<int>()>;

// Asks the driver of this machine, which is looked up when called; no program links it.
absl::StatusOr<int> CountCudaDevices();

// OK for "auto" and "cpu", which need no GPU. UNAVAILABLE for a "cuda:N" that is not there, naming
// the option, its value and what helps: a server that was given a GPU must not come up without one.
// (A device that is lost later is another matter: the server waits for it.)
absl::Status CheckDevice(const std::string& device, const CountDevices& count);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_CONFIG_DEVICE_CHECK_H_
