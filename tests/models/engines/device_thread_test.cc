#include "models/engines/torch/device_thread.h"

#include <c10/util/Exception.h>

#include <set>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::HasSubstr;

TEST(DeviceThread, RunsEverythingOnOneThreadThatIsNotTheCallers) {
  const auto thread = DeviceThread::For("cpu");
  std::set<std::thread::id> ids;  // touched by that one thread alone
  std::vector<std::thread> callers;
  std::vector<std::thread::id> caller_ids(4);
  for (std::thread::id& own_id : caller_ids) {
    callers.emplace_back([&ids, &own_id] {
      own_id = std::this_thread::get_id();
      EXPECT_OK(DeviceThread::For("cpu")->Run([&ids] {
        ids.insert(std::this_thread::get_id());
        return absl::OkStatus();
      }));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(ids.size(), 1u);
  for (const std::thread::id id : caller_ids) EXPECT_EQ(ids.count(id), 0u);
}

TEST(DeviceThread, IsSharedByOneDeviceOnly) {
  const auto cpu = DeviceThread::For("cpu");
  EXPECT_EQ(DeviceThread::For("cpu"), cpu);
  EXPECT_NE(DeviceThread::For("cuda:0"), cpu);
}

TEST(DeviceThread, TurnsExceptionsIntoStatuses) {
  const auto thread = DeviceThread::For("cpu");
  EXPECT_THAT(thread->Run([]() -> absl::Status { TORCH_CHECK(false, "shapes differ"); }),
              StatusIs(absl::StatusCode::kInternal, HasSubstr("shapes differ")));
  EXPECT_THAT(thread->Run([]() -> absl::Status { throw std::bad_alloc(); }),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("out of memory")));
  EXPECT_THAT(
      thread->Run([]() -> absl::Status { TORCH_CHECK_WITH(OutOfMemoryError, false, "full"); }),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("full")));
  EXPECT_THAT(thread->Run([] { return absl::NotFoundError("it"); }),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("it")));
  EXPECT_OK(thread->Run([] { return absl::OkStatus(); }));
}

}  // namespace
}  // namespace rollout
