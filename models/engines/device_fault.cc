#include "models/engines/device_fault.h"

#include "absl/strings/cord.h"

namespace rollout {
namespace {

constexpr char kPayload[] = "rollout/device_fault";

constexpr DeviceFault kFaults[] = {DeviceFault::kOutOfMemory, DeviceFault::kStickyError,
                                   DeviceFault::kDeviceLost};

}  // namespace

const char* Name(DeviceFault fault) {
  switch (fault) {
    case DeviceFault::kOutOfMemory:
      return "out_of_memory";
    case DeviceFault::kStickyError:
      return "sticky_error";
    case DeviceFault::kDeviceLost:
      return "device_lost";
  }
  return "unknown";
}

absl::Status DeviceFaultError(DeviceFault fault, const std::string& message) {
  absl::Status status(fault == DeviceFault::kOutOfMemory ? absl::StatusCode::kResourceExhausted
                                                         : absl::StatusCode::kUnavailable,
                      message);
  status.SetPayload(kPayload, absl::Cord(Name(fault)));
  return status;
}

absl::Status AsUnavailable(const absl::Status& status) {
  absl::Status unavailable(absl::StatusCode::kUnavailable, status.message());
  if (const auto payload = status.GetPayload(kPayload)) unavailable.SetPayload(kPayload, *payload);
  return unavailable;
}

std::optional<DeviceFault> DeviceFaultOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayload);
  if (!payload) return std::nullopt;
  for (const DeviceFault fault : kFaults) {
    if (*payload == Name(fault)) return fault;
  }
  return std::nullopt;
}

}  // namespace rollout
