#include "server/registry/engine_choice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>

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

absl::StatusOr<const EngineModule*> Both(const std::string& name) {
  return name == "fused" ? &kFused : &kTorch;
}
absl::StatusOr<const EngineModule*> OnlyFused(const std::string& name) {
  if (name == "fused") return &kFused;
  return absl::NotFoundError("no file librollout_engine_torch.so");
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

}  // namespace
}  // namespace rollout
