#include "server/registry/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

#include "models/engines/device_fault.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class NamedEngine final : public Engine {
 public:
  NamedEngine(std::string name, const EngineOptions& options)
      : info_{std::move(name), options.device} {}
  absl::Status Check(const RolloutJob&) const override { return absl::OkStatus(); }
  absl::Status Compute(LaneFeed&) override { return absl::OkStatus(); }
  EngineInfo info() const override { return info_; }

 private:
  const EngineInfo info_;
};

// As the real ones: "fused" takes no adaptive integrator and no GPU, "torch" takes everything.
absl::StatusOr<std::unique_ptr<Engine>> MakeFused(const TransitionModel& model,
                                                  const EngineOptions& options) {
  if (model.spec.integrator.method == IntegratorMethod::kDopri5) {
    return absl::UnimplementedError("DOPRI5 is not a method of fixed step");
  }
  if (options.device != "cpu") return absl::UnavailableError("no such device");
  return std::make_unique<NamedEngine>("fused", options);
}
absl::StatusOr<std::unique_ptr<Engine>> MakeTorch(const TransitionModel&,
                                                  const EngineOptions& options) {
  return std::make_unique<NamedEngine>("torch", options);
}
const EngineModule kFused = {kEngineAbiVersion, "fused", MakeFused};
const EngineModule kTorch = {kEngineAbiVersion, "torch", MakeTorch};

// A GPU's module that takes no adaptive integrator, and one on a machine whose device is gone.
absl::StatusOr<std::unique_ptr<Engine>> MakeCuda(const TransitionModel& model,
                                                 const EngineOptions& options) {
  if (model.spec.integrator.method == IntegratorMethod::kDopri5) {
    return absl::UnimplementedError("no DOPRI5 on a GPU");
  }
  return std::make_unique<NamedEngine>("fused", options);
}
absl::StatusOr<std::unique_ptr<Engine>> MakeLostCuda(const TransitionModel&, const EngineOptions&) {
  return DeviceFaultError(DeviceFault::kDeviceLost, "no driver");
}
const EngineModule kCuda = {kEngineAbiVersion, "cuda", MakeCuda};
const EngineModule kLostCuda = {kEngineAbiVersion, "cuda", MakeLostCuda};

absl::StatusOr<const EngineModule*> Find(const std::string& name, const EngineModule* torch,
                                         const EngineModule* cuda) {
  const EngineModule* module = name == "fused" ? &kFused : name == "torch" ? torch : cuda;
  if (module == nullptr) {
    return absl::NotFoundError("no file librollout_engine_" + name + ".so");
  }
  return module;
}
absl::StatusOr<const EngineModule*> Both(const std::string& name) {
  return Find(name, &kTorch, nullptr);
}
absl::StatusOr<const EngineModule*> OnlyFused(const std::string& name) {
  return Find(name, nullptr, nullptr);
}
absl::StatusOr<const EngineModule*> WithGpu(const std::string& name) {
  return Find(name, &kTorch, &kCuda);
}
absl::StatusOr<const EngineModule*> WithLostGpu(const std::string& name) {
  return Find(name, nullptr, &kLostCuda);
}

TransitionModel Model(IntegratorMethod method) {
  SpecChoice choice;
  choice.method = method;
  return RandomModel(MakeSpec(choice), 1);
}

EngineChoiceOptions Options(const std::string& engine, const std::string& device) {
  EngineChoiceOptions options;
  options.engine = engine;
  options.device = device;
  return options;
}

TEST(ChooseEngineTest, AutoTakesTheFusedEngineWhereItTakesTheModel) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine chosen,
                       ChooseEngine(Model(IntegratorMethod::kRk4), Options("auto", "auto"), Both));
  EXPECT_EQ(chosen.engine->info().engine, "fused");
  EXPECT_EQ(chosen.engine->info().device, "cpu");
  EXPECT_EQ(chosen.fallback_reason, "");
}

TEST(ChooseEngineTest, AutoFallsBackToTorchWithTheReason) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine chosen, ChooseEngine(Model(IntegratorMethod::kDopri5),
                                                               Options("auto", "auto"), Both));
  EXPECT_EQ(chosen.engine->info().engine, "torch");
  EXPECT_EQ(chosen.fallback_reason, "engine fused: DOPRI5 is not a method of fixed step");
}

TEST(ChooseEngineTest, ADeviceThatTheFusedEngineLacksGoesToTorch) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine chosen, ChooseEngine(Model(IntegratorMethod::kRk4),
                                                               Options("auto", "cuda:1"), Both));
  EXPECT_EQ(chosen.engine->info().engine, "torch");
  EXPECT_EQ(chosen.engine->info().device, "cuda:1");
}

TEST(ChooseEngineTest, AnEngineThatWasAskedForIsTakenOrRefusedNeverReplaced) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine torch,
                       ChooseEngine(Model(IntegratorMethod::kRk4), Options("torch", "cpu"), Both));
  EXPECT_EQ(torch.engine->info().engine, "torch");
  EXPECT_EQ(torch.fallback_reason, "");
  EXPECT_THAT(
      ChooseEngine(Model(IntegratorMethod::kDopri5), Options("fused", "cpu"), Both).status(),
      StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("engine fused: DOPRI5")));
}

TEST(ChooseEngineTest, BothReasonsAreGivenWhereNoEngineTakesTheModel) {
  EXPECT_THAT(
      ChooseEngine(Model(IntegratorMethod::kDopri5), Options("auto", "auto"), OnlyFused).status(),
      StatusIs(absl::StatusCode::kNotFound,
               AllOf(HasSubstr("engine fused: DOPRI5"),
                     HasSubstr("engine torch: no file librollout_engine_torch.so"))));
}

TEST(ChooseEngineTest, AutoTakesTheGpuWhereThereIsOne) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine chosen, ChooseEngine(Model(IntegratorMethod::kRk4),
                                                               Options("auto", "auto"), WithGpu));
  EXPECT_EQ(chosen.engine->info().engine, "fused");
  EXPECT_EQ(chosen.engine->info().device, "cuda:0");
  EXPECT_EQ(chosen.fallback_reason, "");
}

TEST(ChooseEngineTest, AutoFallsBackToTheCpuWithTheReasonWhereTheGpuIsGone) {
  ASSERT_OK_AND_ASSIGN(
      const ChosenEngine chosen,
      ChooseEngine(Model(IntegratorMethod::kRk4), Options("auto", "auto"), WithLostGpu));
  EXPECT_EQ(chosen.engine->info().engine, "fused");
  EXPECT_EQ(chosen.engine->info().device, "cpu");
  EXPECT_EQ(chosen.fallback_reason, "engine cuda: no driver");
}

TEST(ChooseEngineTest, AGpuThatWasAskedForIsNeverReplacedByTheCpu) {
  for (const char* engine : {"auto", "fused"}) {
    const absl::Status refusal =
        ChooseEngine(Model(IntegratorMethod::kRk4), Options(engine, "cuda:0"), WithLostGpu)
            .status();
    EXPECT_THAT(refusal,
                StatusIs(absl::StatusCode::kUnavailable, HasSubstr("engine cuda: no driver")));
    EXPECT_EQ(DeviceFaultOf(refusal), DeviceFault::kDeviceLost);
  }
}

TEST(ChooseEngineTest, AModelThatTheGpusKernelsDoNotTakeGoesToTorchOnThatGpu) {
  ASSERT_OK_AND_ASSIGN(const ChosenEngine chosen, ChooseEngine(Model(IntegratorMethod::kDopri5),
                                                               Options("auto", "cuda:1"), WithGpu));
  EXPECT_EQ(chosen.engine->info().engine, "torch");
  EXPECT_EQ(chosen.engine->info().device, "cuda:1");
  EXPECT_EQ(chosen.fallback_reason, "engine cuda: no DOPRI5 on a GPU");
}

}  // namespace
}  // namespace rollout
