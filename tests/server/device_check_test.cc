#include "server/config/device_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

CountDevices Devices(int count) {
  return [count] { return count; };
}

absl::StatusOr<int> NoDriver() { return absl::UnavailableError("there is no CUDA driver"); }

TEST(DeviceCheckTest, WhatNeedsNoGpuAsksNobody) {
  const CountDevices never = []() -> absl::StatusOr<int> {
    ADD_FAILURE() << "asked";
    return 0;
  };
  EXPECT_OK(CheckDevice("auto", never));
  EXPECT_OK(CheckDevice("cpu", never));
}

TEST(DeviceCheckTest, ADeviceThatIsThereIsFine) {
  EXPECT_OK(CheckDevice("cuda:0", Devices(1)));
  EXPECT_OK(CheckDevice("cuda:3", Devices(4)));
}

TEST(DeviceCheckTest, OneThatIsNotThereIsNamedWithTheRemedy) {
  const struct {
    const char* device;
    CountDevices count;
    const char* found;
  } cases[] = {
      {"cuda:0", NoDriver, "--device=cuda:0: there is no CUDA driver; "},
      {"cuda:0", Devices(0), "--device=cuda:0: CUDA's driver sees no device "},
      {"cuda:2", Devices(2), "--device=cuda:2: CUDA's driver sees 2, counted from 0; "},
  };
  for (const auto& c : cases) {
    const absl::Status status = CheckDevice(c.device, c.count);
    EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(c.found), HasSubstr("--device=auto")));
  }
}

}  // namespace
}  // namespace rollout
