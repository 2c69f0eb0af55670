// What goes wrong with a device, as engines tell it and the server counts it.
#ifndef ROLLOUT_MODELS_ENGINES_DEVICE_FAULT_H_
#define ROLLOUT_MODELS_ENGINES_DEVICE_FAULT_H_

#include <optional>
#include <string>

#include "absl/status/status.h"

namespace rollout {

enum class DeviceFault {
  kOutOfMemory,  // smaller work may still fit
  kStickyError,  // a kernel failed: nothing works on the device until the process ends
  kDeviceLost,   // the device or its driver is gone
};

// "out_of_memory", "sticky_error", "device_lost".
const char* Name(DeviceFault fault);

// RESOURCE_EXHAUSTED for kOutOfMemory, else UNAVAILABLE; it remembers its fault.
absl::Status DeviceFaultError(DeviceFault fault, const std::string& message);

// `status` as callers of a rollout see it: whatever the fault, UNAVAILABLE.
absl::Status AsUnavailable(const absl::Status& status);

// nullopt where the status does not come from a device.
std::optional<DeviceFault> DeviceFaultOf(const absl::Status& status);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_ENGINES_DEVICE_FAULT_H_
