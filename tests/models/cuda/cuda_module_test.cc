// librollout_engine_cuda.so as a program meets it that knows nothing of CUDA.
#include <cstdlib>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/device_fault.h"
#include "models/engines/engine_loader.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

// Of this build, unless a bundle says where it has put the module.
std::string EngineDir() {
  const char* folder = std::getenv("ROLLOUT_ENGINE_DIR");
  return folder != nullptr ? folder : ENGINE_DIR;
}

TEST(CudaModuleTest, SaysWhatItDoesNotComputeWhetherOrNotThereIsADevice) {
  ASSERT_OK_AND_ASSIGN(const EngineModule* module, LoadEngineModule("cuda", EngineDir()));
  SpecChoice choice;
  choice.method = IntegratorMethod::kDopri5;
  EXPECT_THAT(module->create(RandomModel(MakeSpec(choice), 1), {.device = "cuda:0"}).status(),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("DOPRI5")));
}

TEST(CudaModuleTest, WantsTheNameOfACudaDevice) {
  ASSERT_OK_AND_ASSIGN(const EngineModule* module, LoadEngineModule("cuda", EngineDir()));
  for (const char* name : {"cpu", "cuda", "cuda:-1", "cuda:x"}) {
    EXPECT_THAT(module->create(RandomModel(MakeSpec({}), 1), {.device = name}).status(),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  }
}

// One of the two runs everywhere: a machine has the device or it has not.
TEST(CudaModuleTest, ComputesOnTheDeviceOrNamesWhatIsMissing) {
  ASSERT_OK_AND_ASSIGN(const EngineModule* module, LoadEngineModule("cuda", EngineDir()));
  const auto engine = module->create(RandomModel(MakeSpec({}), 1), {.device = "cuda:0"});
  if (engine.ok()) {
    EXPECT_EQ((*engine)->info().engine, "fused");
    EXPECT_EQ((*engine)->info().device, "cuda:0");
    return;
  }
  EXPECT_THAT(engine.status(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cuda:0")));
  EXPECT_THAT(engine.status().message(), HasSubstr("libcuda.so.1"));
  EXPECT_EQ(DeviceFaultOf(engine.status()), DeviceFault::kDeviceLost);
}

}  // namespace
}  // namespace rollout
