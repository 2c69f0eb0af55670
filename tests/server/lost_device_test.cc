// What the registry does when a version's device goes: the engine is the GPU's own, its device the
// host, which fails when it is told to.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "models/engines/cuda/tile_engine.h"
#include "models/engines/device_fault.h"
#include "models/engines/fused/fused_engine.h"
#include "server/batching/rollout_and_wait.h"
#include "server/registry/model_registry.h"
#include "server/registry/servable_loader.h"
#include "tests/models/cuda/failing_device.h"
#include "tests/server/test_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::HasSubstr;

// The GPU of this test: whether it is there, and what each engine made on it may still start.
std::atomic<bool> gpu_is_there{true};
std::atomic<bool> gpu_is_broken{false};

// A device that fails from the moment on that the GPU is broken.
class BreakableDevice final : public cuda::TileDevice {
 public:
  BreakableDevice() : host_({}) {}
  const cuda::DeviceLimits& limits() const override { return host_.limits(); }
  absl::Status Load(absl::Span<const float> numbers) override { return host_.Load(numbers); }
  absl::StatusOr<cuda::BatchInputs> Prepare(const cuda::BatchSizes& sizes) override {
    return host_.Prepare(sizes);
  }
  absl::Status Upload() override { return host_.Upload(); }
  absl::Status Start(int slot, const cuda::TileModel& model,
                     const cuda::Segment& segment) override {
    if (gpu_is_broken) {
      return DeviceFaultError(DeviceFault::kStickyError, "an illegal address was encountered");
    }
    return host_.Start(slot, model, segment);
  }
  absl::StatusOr<bool> Done(int slot) override { return host_.Done(slot); }
  absl::Span<const float> States(int slot) const override { return host_.States(slot); }

 private:
  cuda::HostTileDevice host_;
};

absl::StatusOr<std::unique_ptr<Engine>> MakeOnGpu(const TransitionModel& model,
                                                  const EngineOptions& options) {
  if (!gpu_is_there) return DeviceFaultError(DeviceFault::kDeviceLost, options.device + " is gone");
  return cuda::MakeTileEngine(model, std::make_unique<BreakableDevice>(), {});
}
const EngineModule kGpu = {kEngineAbiVersion, "cuda", MakeOnGpu};

absl::StatusOr<const EngineModule*> FindModule(const std::string& name) {
  if (name == "cuda") return &kGpu;
  if (name == "fused") return &FusedCpuEngineModule();
  return absl::NotFoundError("no file librollout_engine_" + name + ".so");
}

class FaultObserver final : public RegistryObserver {
 public:
  void LoadFinished(const std::string&, const absl::Status&, const GateVerdicts&) override {}
  void DeviceLost(const EngineInfo& engine, const absl::Status& why) override {
    faults.push_back(engine.device + " " + Name(DeviceFaultOf(why).value()));
  }
  void Changed() override {}
  std::vector<std::string> faults;
};

class LostDeviceTest : public testing::Test {
 protected:
  LostDeviceTest() : repository_(folder_.path()) {
    gpu_is_there = true;
    gpu_is_broken = false;
    repository_.Publish("model", 1);
  }

  void Serve(const std::string& device) {
    EngineChoiceOptions choice;
    choice.device = device;
    choice.threads = 1;
    loader_ = std::make_unique<ServableLoader>(
        ServableLoaderOptions{repository_.path(), choice, BatchLimits(), {}, {}}, FindModule,
        &clock_);
    registry_ = std::make_unique<ModelRegistry>(
        RegistryOptions{repository_.path(), VersionPolicy()},
        [this](const std::string& model, int64_t version, const Servable* oldest,
               GateVerdicts* gates) { return loader_->Load(model, version, oldest, gates); },
        &clock_, &observer_);
    PollAndLoad();
  }

  void PollAndLoad() {
    ASSERT_OK(registry_->Poll());
    while (registry_->LoadNext()) {
    }
  }

  // One rollout by the version that serves.
  absl::Status Ask() {
    const auto servable = registry_->Find("model", 0);
    if (!servable.ok()) return servable.status();
    const TransitionModelSpec& spec = (*servable)->spec();
    const std::vector<float> state(spec.state_size(), 0.0f), controls(spec.num_controls, 0.0f);
    std::vector<float> final_state(spec.state_size());
    RolloutJob job;
    job.lanes = 1;
    job.horizon = 1;
    job.initial_states = state;
    job.controls = controls;
    job.final_state = absl::MakeSpan(final_state);
    return RolloutAndWait({&job, 1}, &(*servable)->batcher());
  }

  std::string Device() {
    const auto servable = registry_->Find("model", 0);
    return servable.ok() ? (*servable)->engine_info().device : "none";
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  RealClock clock_;
  FaultObserver observer_;
  std::unique_ptr<ServableLoader> loader_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(LostDeviceTest, WithLeaveToFallBackTheCpuTakesOver) {
  Serve("auto");
  EXPECT_EQ(Device(), "host");
  ASSERT_OK(Ask());
  gpu_is_broken = true;
  EXPECT_THAT(Ask(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("illegal address")));
  gpu_is_there = false;
  PollAndLoad();
  EXPECT_EQ(Device(), "cpu");
  EXPECT_OK(Ask());
  EXPECT_TRUE(registry_->Ready());
  EXPECT_THAT((*registry_->Find("model", 0))->fallback_reason(), HasSubstr("cuda:0 is gone"));
  EXPECT_THAT(observer_.faults, testing::ElementsAre("host sticky_error"));
}

TEST_F(LostDeviceTest, WithoutItNothingServesUntilTheDeviceIsBack) {
  Serve("cuda:0");
  EXPECT_TRUE(registry_->Ready());
  gpu_is_broken = true;
  EXPECT_FALSE(Ask().ok());
  gpu_is_there = false;
  for (int i = 0; i < 3; ++i) {
    PollAndLoad();
    EXPECT_FALSE(registry_->Ready());
    EXPECT_THAT(Ask(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cuda:0 is gone")));
  }
  gpu_is_broken = false;
  gpu_is_there = true;
  PollAndLoad();
  EXPECT_TRUE(registry_->Ready());
  EXPECT_OK(Ask());
  EXPECT_EQ(observer_.faults.size(), 1u);
}

TEST_F(LostDeviceTest, AServerThatStartsWithoutItsDeviceIsNotReady) {
  gpu_is_there = false;
  Serve("cuda:0");
  EXPECT_FALSE(registry_->Ready());
  EXPECT_THAT(registry_->Find("model", 0),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("cuda:0 is gone")));
  gpu_is_there = true;
  PollAndLoad();
  EXPECT_TRUE(registry_->Ready());
  EXPECT_OK(Ask());
}

}  // namespace
}  // namespace rollout
