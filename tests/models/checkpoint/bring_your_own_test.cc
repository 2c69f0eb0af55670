// docs/bring-your-own: a person's arrays and networks become a dataset and versions that serve.
#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "datasets/dataset_reader.h"
#include "models/checkpoint/checkpoint.h"
#include "models/engines/fused/fused_engine.h"
#include "models/engines/torch/torch_engine.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// A Python with the tests' packages, or the one that ROLLOUT_PYTHON_WITH_TORCH names: that needs
// numpy and safetensors beside torch (and minari and h5py for what is about datasets).
std::string Python() {
  const char* with_torch = std::getenv("ROLLOUT_PYTHON_WITH_TORCH");
  return with_torch != nullptr ? with_torch : ROLLOUT_TEST_PYTHON;
}

// Its exit status.
int RunPython(const std::string& arguments) {
  const int status = std::system(absl::StrCat(Python(), " ", arguments).c_str());
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

class BringYourOwnTest : public ::testing::Test {
 protected:
  void SetUp() override {
    folder_ = temporary_.path().string();
    ASSERT_EQ(RunPython("tests/models/checkpoint/bring_your_own.py make " + folder_), 0);
  }

  int Publish(const std::string& weights, const std::string& options) {
    return RunPython(absl::StrCat("docs/bring-your-own/publish_sequential.py ", weights,
                                  " --repository ", folder_, "/models --name cart --episodes ",
                                  folder_, "/episodes.npz --num-positions 2 --dt 0.02 ", options));
  }

  std::string In(const std::string& name) const { return absl::StrCat(folder_, "/", name); }

  // Reads a version and lets every engine reproduce its golden set.
  void ExpectServable(int64_t version, Checkpoint* checkpoint) {
    absl::StatusOr<Checkpoint> read = ReadCheckpoint(In("models"), "cart", version);
    ASSERT_OK(read);
    ASSERT_TRUE(read->golden.has_value());
    for (const EngineModule* module : {&FusedCpuEngineModule(), &TorchEngineModule()}) {
      auto engine = module->create(*read->model, EngineOptions{});
      ASSERT_OK(engine) << module->name;
      EXPECT_OK(CheckGolden(*read->golden, read->model->spec, engine->get())) << module->name;
    }
    *checkpoint = *std::move(read);
  }

  TemporaryDirectory temporary_;
  std::string folder_;
};

TEST_F(BringYourOwnTest, ArraysBecomeADatasetAndADeltaModelAVersion) {
  ASSERT_EQ(RunPython(absl::StrCat("docs/bring-your-own/arrays_to_dataset.py ", In("episodes.npz"),
                                   " --datasets ", In("datasets"),
                                   " --id rollout/cart-v0 --num-positions 2 --dt 0.02 "
                                   "--angular-positions 1 --control-low -1 --control-high 1 "
                                   "--state-names x theta dx dtheta")),
            0);
  const auto reader = DatasetReader::Open(In("datasets/rollout/cart-v0"));
  ASSERT_OK(reader);
  EXPECT_EQ((*reader)->num_episodes(), 3);
  EXPECT_EQ((*reader)->num_steps(), 60 + 45 + 30);
  const DatasetInfo& info = (*reader)->info();
  EXPECT_EQ(info.id, "rollout/cart-v0");
  EXPECT_EQ(info.num_positions, 2);
  EXPECT_EQ(info.dt, 0.02);
  EXPECT_THAT(info.angular_positions, ElementsAre(1));
  EXPECT_THAT(info.control_high, ElementsAre(1));
  EXPECT_THAT(info.state_names, ElementsAre("x", "theta", "dx", "dtheta"));

  ASSERT_EQ(Publish(In("delta.safetensors"),
                    absl::StrCat("--activation TANH --predicts delta --control-low -1 "
                                 "--control-high 1 --normalisers ",
                                 In("normalisers.npz"))),
            0);
  Checkpoint checkpoint;
  ExpectServable(1, &checkpoint);
  if (HasFatalFailure()) return;
  const TransitionModelSpec& spec = checkpoint.model->spec;
  EXPECT_EQ(spec.dynamics.kind, DynamicsKind::kNode);
  EXPECT_EQ(spec.integrator.method, IntegratorMethod::kEuler);
  EXPECT_EQ(spec.integrator.substeps, 1);
  EXPECT_EQ(checkpoint.golden->lanes, 3);
  EXPECT_EQ(checkpoint.golden->horizon, 30);
  EXPECT_EQ(RunPython("tests/models/checkpoint/bring_your_own.py check " + folder_), 0);
}

TEST_F(BringYourOwnTest, EnsemblesOfAccelerationsAndDerivativesAreVersionsToo) {
  ASSERT_EQ(Publish(In("member_0.safetensors ") + In("member_1.safetensors"),
                    "--activation SOFTPLUS --predicts acceleration --substeps 4 "
                    "--angular-positions 1 --ignored-positions 0"),
            0);
  ASSERT_EQ(Publish(In("derivative.safetensors"), "--activation SILU --predicts derivative"), 0);
  Checkpoint ensemble, derivative;
  ExpectServable(1, &ensemble);
  ExpectServable(2, &derivative);
  if (HasFatalFailure()) return;
  EXPECT_EQ(ensemble.model->spec.ensemble_size, 2);
  EXPECT_EQ(ensemble.model->spec.dynamics.kind, DynamicsKind::kNodeSo);
}

// With a Python that has no torch, a .pt file is refused in so many words: make test has none.
TEST_F(BringYourOwnTest, APyTorchFileIsTheSameAsSafetensorsOrRefusedWithoutTorch) {
  constexpr int kNoTorch = 3;
  const int saved = RunPython("tests/models/checkpoint/bring_your_own.py save-pt " + folder_);
  if (saved == kNoTorch) {
    std::printf("%s cannot import torch: only the refusal of .pt files was run\n",
                Python().c_str());
    WriteFile(temporary_ / "delta.pt", "not read");
    EXPECT_EQ(Publish(In("delta.pt"), "--activation TANH --predicts delta 2> " + In("errors")), 1);
    EXPECT_THAT(ReadFile(temporary_ / "errors"), HasSubstr("delta.pt: reading it needs torch"));
    EXPECT_FALSE(std::filesystem::exists(temporary_ / "models"));
    return;
  }
  ASSERT_EQ(saved, 0);
  for (const char* file : {"delta.safetensors", "delta.pt"}) {
    ASSERT_EQ(Publish(In(file), "--activation TANH --predicts delta"), 0);
  }
  for (const char* part : {"model.json", "weights.safetensors", "golden.safetensors"}) {
    EXPECT_EQ(ReadFile(temporary_ / "models/cart/1" / part),
              ReadFile(temporary_ / "models/cart/2" / part))
        << part;
  }
  Checkpoint checkpoint;
  ExpectServable(2, &checkpoint);
}

TEST_F(BringYourOwnTest, ANetworkThatDoesNotFitPublishesNothing) {
  const std::string errors = " 2> " + In("errors");
  EXPECT_NE(Publish(In("member_0.safetensors"), "--activation TANH --predicts delta" + errors), 0);
  EXPECT_THAT(ReadFile(temporary_ / "errors"), HasSubstr("found a network"));
  ASSERT_EQ(RunPython("tests/models/checkpoint/bring_your_own.py spoil-normalisers " + folder_), 0);
  const std::string spoiled = "--activation TANH --predicts delta --normalisers ";
  EXPECT_NE(Publish(In("delta.safetensors"), spoiled + In("spoiled.npz") + errors), 0);
  EXPECT_THAT(ReadFile(temporary_ / "errors"),
              HasSubstr("input_std: found shape (4,), expected (5,) or one number for all"));
  EXPECT_NE(Publish(In("delta.safetensors"),
                    "--activation TANH --predicts delta --control-low -1 -1" + errors),
            0);
  EXPECT_THAT(ReadFile(temporary_ / "errors"), HasSubstr("--control-low: found 2 numbers"));
  EXPECT_FALSE(std::filesystem::exists(temporary_ / "models"));
}

}  // namespace
}  // namespace rollout
