// The loader, and the torch engine as programs without LibTorch meet it.
#include "models/engines/engine_loader.h"

#include <fstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/models/engines/scalar_reference.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(EngineLoader, TorchModuleComputesRollouts) {
  ASSERT_OK_AND_ASSIGN(const EngineModule* module, LoadEngineModule("torch", ENGINE_DIR));
  EXPECT_STREQ(module->name, "torch");
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.has_force = true;
  const TransitionModel model = RandomModel(MakeSpec(choice), 1);
  ASSERT_OK_AND_ASSIGN(const auto engine, module->create(model, EngineOptions{}));
  EXPECT_EQ(engine->info().engine, "torch");
  EXPECT_EQ(engine->info().device, "cpu");

  const std::vector<float> initial = RandomStates(model.spec, 1, 2);
  const std::vector<float> controls = RandomControls(model.spec, 3, 20, 3);
  std::vector<float> trajectory(3 * 21 * 6);
  RolloutJob job;
  job.lanes = 3;
  job.horizon = 20;
  job.initial_states = initial;
  job.controls = controls;
  job.trajectory = absl::MakeSpan(trajectory);
  ASSERT_OK(engine->Rollout({job}));
  const std::vector<double> expected = ReferenceRollouts(model, initial, controls, 3, 20);
  EXPECT_LT(LargestDeviation(trajectory, expected, Spread(expected, 6)), 1e-4);

  // Errors cross the boundary of the shared object.
  job.horizon = 21;
  EXPECT_THAT(engine->Rollout({job}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("controls")));
}

TEST(EngineLoader, OpeningAModuleTwiceGivesTheSame) {
  ASSERT_OK_AND_ASSIGN(const EngineModule* first, LoadEngineModule("torch", ENGINE_DIR));
  ASSERT_OK_AND_ASSIGN(const EngineModule* second, LoadEngineModule("torch", ENGINE_DIR));
  EXPECT_EQ(first, second);
}

TEST(EngineLoader, LooksBesideTheExecutableByDefault) {
  EXPECT_THAT(DefaultEngineDir(), testing::EndsWith("/engines"));
  EXPECT_THAT(LoadEngineModule("absent", ""),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr(DefaultEngineDir() + "/librollout_engine_absent.so")));
}

TEST(EngineLoader, RefusesANameThatIsAPath) {
  for (const char* name : {"", "../torch", "torch.so", "Torch"}) {
    EXPECT_THAT(LoadEngineModule(name, ENGINE_DIR),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("engine name")))
        << name;
  }
}

TEST(EngineLoader, SaysWhatIsWrongWithAFileThatIsNoSharedObject) {
  const TemporaryDirectory directory;
  const std::string path = (directory.path() / "librollout_engine_text.so").string();
  std::ofstream(path) << "not an ELF file";
  EXPECT_THAT(LoadEngineModule("text", directory.path().string()),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr(path), HasSubstr("file too short"))));
}

TEST(EngineLoader, RefusesASharedObjectWithoutTheFactory) {
  EXPECT_THAT(LoadEngineModule("no_factory", BROKEN_ENGINE_DIR),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("exports no rollout_engine_module")));
}

TEST(EngineLoader, RefusesAnotherVersionOfTheInterface) {
  EXPECT_THAT(
      LoadEngineModule("wrong_version", BROKEN_ENGINE_DIR),
      StatusIs(absl::StatusCode::kFailedPrecondition,
               HasSubstr("was built for version " + std::to_string(kEngineAbiVersion + 1))));
}

}  // namespace
}  // namespace rollout
