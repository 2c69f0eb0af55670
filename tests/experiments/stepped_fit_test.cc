// A training of Greydanus et al. that is stopped, or killed, ends as one that is not.
#include "experiments/greydanus/stepped_fit.h"

#include <ATen/Parallel.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "experiments/greydanus/derivative_fit.h"
#include "experiments/greydanus/greydanus_run.h"
#include "experiments/greydanus/pixel_data.h"
#include "experiments/greydanus/pixel_fit.h"
#include "gtest/gtest.h"
#include "systems/mechanics/equations_of_motion.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

constexpr int64_t kSteps = 8;

// A fit with something done after each step.
class Observed final : public SteppedFit {
 public:
  Observed(std::unique_ptr<SteppedFit> fit, std::function<void(int64_t step)> after)
      : fit_(std::move(fit)), after_(std::move(after)) {}

  absl::Status Step() override {
    const absl::Status status = fit_->Step();
    ++steps_;
    after_(fit_->step());
    return status;
  }
  int64_t step() const override { return fit_->step(); }
  FitState Save() const override { return fit_->Save(); }
  absl::Status Restore(const FitState& state) override { return fit_->Restore(state); }
  int steps() const { return steps_; }  // in this sitting

 private:
  const std::unique_ptr<SteppedFit> fit_;
  const std::function<void(int64_t step)> after_;
  int steps_ = 0;
};

class SteppedFitTest : public testing::TestWithParam<bool> {
 protected:
  static void SetUpTestSuite() { at::set_num_threads(1); }

  SteppedFitTest() {
    GreydanusTask pixels = GreydanusTasks().back();
    pixels.trajectories = 5;
    const auto pendulum = MakeEquationsOfMotion("pixel_pendulum");
    films_ = MakePixelData(*pendulum, pixels, 1);
    const auto spring = MakeEquationsOfMotion("mass_spring");
    samples_ = MakeDerivativeData(*spring, GreydanusTasks()[0], 1);
    record_.settings = {{"system", "any"}};
  }

  // Of frames, or of states in batches.
  std::unique_ptr<SteppedFit> MakeFit() const {
    if (GetParam()) {
      return *PixelFit::Create(
          films_.train, {.hidden_sizes = {8}, .autoencoder_width = 16, .batch = 10, .seed = 3});
    }
    return *DerivativeFit::Create(samples_.train, 0.1,
                                  {.hidden_sizes = {16}, .batch = 50, .seed = 3});
  }

  RunContext Context(const std::string& name) const { return {stop_, dir_ / name}; }

  // One sitting; the parameters that it ends with, or nothing where it was stopped.
  std::vector<float> Sit(const RunContext& context, Observed& fit, int* halves = nullptr) const {
    PartialRecord partial(context.partial + ".json", record_);
    const auto at_half = [&] {
      if (halves != nullptr) ++*halves;
      partial.record().metrics["half"] = static_cast<double>(fit.step());
      return absl::OkStatus();
    };
    const absl::Status status =
        StepToEnd(fit, kSteps, context, &partial, at_half, absl::ZeroDuration());
    if (absl::IsCancelled(status)) return {};
    EXPECT_TRUE(status.ok()) << status;
    EXPECT_EQ(FinishSteps(context, &partial).metrics.at("half"), 4.0);
    return fit.Save().parameters;
  }

  const TemporaryDirectory dir_;
  std::atomic<bool> stop_ = false;
  PixelData films_;
  DerivativeData samples_;
  RunRecord record_;
};

TEST_P(SteppedFitTest, GoesOnWhereItWasStopped) {
  const auto nothing = [](int64_t) {};
  Observed whole(MakeFit(), nothing);
  const std::vector<float> expected = Sit(Context("whole"), whole);
  ASSERT_FALSE(expected.empty());
  int halves = 0;
  Observed stopped(MakeFit(), [this](int64_t step) { stop_ = step == 5; });
  EXPECT_TRUE(Sit(Context("stopped"), stopped, &halves).empty());
  stop_ = false;
  Observed resumed(MakeFit(), nothing);
  EXPECT_EQ(Sit(Context("stopped"), resumed, &halves), expected);
  EXPECT_EQ(resumed.steps(), 3);
  EXPECT_EQ(halves, 1);  // what was measured half way is kept
  EXPECT_FALSE(std::filesystem::exists(dir_ / "stopped.state"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "stopped.json"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "stopped.trained"));
}

// What a kill during step 7 leaves: the files after step 6.
TEST_P(SteppedFitTest, GoesOnWhereItWasKilled) {
  Observed whole(MakeFit(), [this](int64_t step) {
    if (step != 7) return;
    for (const char* file : {".state", ".json"}) {
      std::filesystem::copy(dir_ / (std::string("whole") + file),
                            dir_ / (std::string("killed") + file));
    }
  });
  const std::vector<float> expected = Sit(Context("whole"), whole);
  Observed resumed(MakeFit(), [](int64_t) {});
  EXPECT_EQ(Sit(Context("killed"), resumed), expected);
  EXPECT_EQ(resumed.steps(), 2);
}

TEST_P(SteppedFitTest, RefusesAnotherFitsState) {
  FitState state = MakeFit()->Save();
  state.second_moment.pop_back();
  EXPECT_EQ(MakeFit()->Restore(state).code(), absl::StatusCode::kInvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(Fits, SteppedFitTest, testing::Bool(), [](const auto& info) {
  return std::string(info.param ? "Frames" : "States");
});

TEST(GreydanusRunTest, GoesOnFromAStoppedRun) {
  at::set_num_threads(1);
  const TemporaryDirectory dir;
  const GreydanusModel hnn = {"HNN", DynamicsKind::kHnnCanonical};
  std::atomic<bool> stop = false;
  const auto run = [&](const char* name) {
    return MakeGreydanusRun(GreydanusTasks()[0], hnn, 6, 1, {stop, dir / name});
  };
  const auto whole = run("whole");
  ASSERT_TRUE(whole.ok()) << whole.status();
  stop = true;
  EXPECT_TRUE(absl::IsCancelled(run("stopped").status()));
  EXPECT_TRUE(std::filesystem::exists(dir / "stopped.state"));
  stop = false;
  const auto resumed = run("stopped");
  ASSERT_TRUE(resumed.ok()) << resumed.status();
  EXPECT_EQ(resumed->metrics, whole->metrics);
  EXPECT_EQ(resumed->series, whole->series);
}

}  // namespace
}  // namespace rollout
