// What may serve: the decisions of the gates as tables, then whole versions through the loader.
#include "server/gates/gates.h"

#include <cmath>
#include <limits>
#include <utility>

#include "base/clock.h"
#include "datasets/dataset_writer.h"
#include "models/checkpoint/checkpoint_fault.h"
#include "models/checkpoint/publish.h"
#include "models/engines/fused/fused_engine.h"
#include "server/gates/recorded_set.h"
#include "server/registry/servable_loader.h"
#include "tests/server/test_repository.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<std::string> Texts(const GateVerdicts& verdicts) {
  std::vector<std::string> texts;
  for (const GateVerdict& verdict : verdicts) {
    texts.push_back(std::string(Name(verdict.gate)) + " " + Name(verdict.result));
  }
  return texts;
}

TEST(JudgeRead, NamesTheGateAtFaultAndAsksNoFurther) {
  EXPECT_THAT(Texts(JudgeRead(absl::OkStatus())),
              ElementsAre("manifest passed", "model passed", "finiteness passed"));
  EXPECT_THAT(Texts(JudgeRead(absl::DataLossError("x"))), ElementsAre("manifest failed"));
  const absl::Status invalid = absl::InvalidArgumentError("x");
  EXPECT_THAT(Texts(JudgeRead(WithFault(CheckpointFault::kContent, invalid))),
              ElementsAre("manifest passed", "model failed"));
  EXPECT_THAT(Texts(JudgeRead(WithFault(CheckpointFault::kNumbers, invalid))),
              ElementsAre("manifest passed", "model passed", "finiteness failed"));
}

TEST(CheckpointFault, TheDeepestMarkStaysAndPlacesAreNamedInFront) {
  const absl::Status deep =
      WithFault(CheckpointFault::kNumbers, absl::InvalidArgumentError("found nan"));
  const absl::Status shallow = At("model/7", WithFault(CheckpointFault::kContent, deep));
  EXPECT_EQ(FaultOf(shallow), CheckpointFault::kNumbers);
  EXPECT_EQ(shallow.message(), "model/7: found nan");
  EXPECT_EQ(FaultOf(absl::NotFoundError("x")), CheckpointFault::kFiles);
}

TEST(JudgeDivergence, Table) {
  GateLimits limits;
  limits.max_diverged_ratio = 0.1;
  const auto judge = [&](int64_t windows, int64_t diverged) {
    return JudgeDivergence(DivergenceCounts{windows, diverged, 64}, limits);
  };
  EXPECT_EQ(judge(10, 0).result, GateResult::kPassed);
  EXPECT_EQ(judge(10, 1).result, GateResult::kPassed);
  EXPECT_EQ(judge(10, 2).result, GateResult::kFailed);
  EXPECT_THAT(judge(10, 2).detail, HasSubstr("2 of 10 recorded windows of up to 64 transitions"));
  EXPECT_EQ(judge(0, 0).result, GateResult::kSkipped);
  EXPECT_EQ(JudgeDivergence(absl::NotFoundError("no set"), limits).result, GateResult::kSkipped);
  EXPECT_EQ(JudgeDivergence(absl::InvalidArgumentError("other sizes"), limits).result,
            GateResult::kFailed);
  limits.max_diverged_ratio = 0.0;
  EXPECT_EQ(judge(1000, 1).result, GateResult::kFailed);
}

TEST(JudgeEnergyDrift, Table) {
  const auto judge = [](double worst, double limit) {
    GateLimits limits;
    limits.max_energy_drift = limit;
    EnergyDrift drift;
    drift.worst = worst;
    return JudgeEnergyDrift(drift, limits).result;
  };
  EXPECT_EQ(judge(0.1, 0.2), GateResult::kPassed);
  EXPECT_EQ(judge(0.3, 0.2), GateResult::kFailed);
  EXPECT_EQ(judge(1e9, kInfinity), GateResult::kPassed);
  EXPECT_EQ(judge(kInfinity, kInfinity), GateResult::kFailed) << "a state was not finite";
  EXPECT_EQ(JudgeEnergyDrift(absl::NotFoundError("no golden set"), {}).result,
            GateResult::kSkipped);
  EXPECT_EQ(JudgeEnergyDrift(absl::FailedPreconditionError("no scale"), {}).result,
            GateResult::kSkipped);
  EXPECT_EQ(JudgeEnergyDrift(absl::UnavailableError("device"), {}).result, GateResult::kFailed);
}

TEST(Refusal, IsForFailedVerdictsAlone) {
  EXPECT_OK(Refusal({Gate::kGolden, GateResult::kSkipped, "none"}));
  EXPECT_OK(Refusal({Gate::kGolden, GateResult::kPassed, ""}));
  EXPECT_THAT(Refusal({Gate::kDivergence, GateResult::kFailed, "too many"}),
              StatusIs(absl::StatusCode::kFailedPrecondition, "gate divergence: too many"));
}

class GatesTest : public testing::Test {
 protected:
  GatesTest() {
    std::filesystem::create_directory(folder_ / "models");
    std::filesystem::create_directory(folder_ / "recorded");
    options_.repository = (folder_ / "models").string();
    options_.engine.engine = "fused";
    options_.engine.threads = 1;
  }

  absl::Status Load(const CheckpointContent& content) {
    const auto version = PublishCheckpoint(options_.repository, content, RealClock());
    if (!version.ok()) return version.status();
    const ServableLoader loader(options_, MakeEngineModuleFinder(""), &clock_);
    auto loaded = loader.Load(content.model.spec.name, *version, nullptr, &verdicts_);
    if (loaded.ok()) drift_ = (*loaded)->energy_drift();
    return loaded.status();
  }

  // A model and what the fused engine itself computes with it.
  static CheckpointContent Honest(const TransitionModelSpec& spec) {
    CheckpointContent content;
    content.model = RandomModel(spec, 1);
    GoldenSet golden;
    golden.lanes = 4;
    golden.horizon = 20;
    golden.initial_state = RandomStates(spec, golden.lanes, 2);
    golden.controls = RandomControls(spec, golden.lanes, golden.horizon, 3);
    golden.trajectory.resize(golden.lanes * (golden.horizon + 1) * spec.state_size());
    const auto engine = FusedCpuEngineModule().create(content.model, EngineOptions());
    EXPECT_OK(engine);
    RolloutJob job;
    job.lanes = golden.lanes;
    job.horizon = golden.horizon;
    job.initial_states = golden.initial_state;
    job.controls = golden.controls;
    job.trajectory = absl::MakeSpan(golden.trajectory);
    EXPECT_OK((*engine)->Rollout({&job, 1}));
    content.golden = std::move(golden);
    return content;
  }

  // Episodes that stand still at `position`, as the recorded set of `spec`.
  void Record(const TransitionModelSpec& spec, double position, int num_positions) {
    DatasetInfo info;
    info.id = "rollout/recorded-v0";
    info.num_positions = info.num_velocities = num_positions;
    info.num_controls = spec.num_controls;
    info.dt = spec.transition_dt;
    options_.recorded_set.folder = (folder_ / "recorded").string();
    const std::string file = options_.recorded_set.folder + "/" + spec.name + ".hdf5";
    const auto writer = DatasetWriter::Create(file, info);
    ASSERT_OK(writer);
    Episode episode;
    episode.states.assign(11 * 2 * num_positions, 0.0);
    for (int t = 0; t <= 10; ++t) episode.states[t * 2 * num_positions] = position;
    episode.actions.assign(10 * spec.num_controls, 0.1);
    episode.rewards.assign(10, 0.0);
    episode.terminations.assign(10, 0);
    episode.truncations.assign(10, 0);
    ASSERT_OK((*writer)->Append(episode));
    ASSERT_OK((*writer)->Close());
  }

  TemporaryDirectory folder_;
  SteadyClock clock_;
  ServableLoaderOptions options_;
  GateVerdicts verdicts_;
  std::optional<double> drift_;
};

TransitionModelSpec HamiltonianSpec() {
  SpecChoice choice;
  choice.kind = DynamicsKind::kHnn;
  choice.method = IntegratorMethod::kEuler;
  choice.transition_dt = 0.1;
  choice.substeps = 2;
  return MakeSpec(choice);
}

TEST_F(GatesTest, AnHonestVersionPassesWhatThereIsToJudgeBy) {
  EXPECT_OK(Load(Honest(TestRepository::Spec("model"))));
  EXPECT_THAT(Texts(verdicts_), ElementsAre("manifest passed", "model passed", "finiteness passed",
                                            "agreement passed", "engine passed", "golden passed",
                                            "divergence skipped", "energy_drift skipped"));
  EXPECT_THAT(verdicts_[4].detail, HasSubstr("fused on cpu"));
  EXPECT_FALSE(drift_.has_value());
}

TEST_F(GatesTest, OneNumberOfTheGoldenTrajectoryOffByMoreThanTheToleranceRefuses) {
  const TransitionModelSpec spec = TestRepository::Spec("model");
  CheckpointContent content = Honest(spec);
  const float honest = content.golden->trajectory[17];
  content.golden->trajectory[17] = honest * (1 + 1e-6f) + 1e-7f;  // rounding is no difference
  EXPECT_OK(Load(content));

  content.golden->trajectory[17] = honest + 0.5f;
  EXPECT_THAT(Load(content), StatusIs(absl::StatusCode::kFailedPrecondition,
                                      HasSubstr("golden set: engine fused on cpu is off by")));
  EXPECT_THAT(Texts(verdicts_), ElementsAre("manifest passed", "model passed", "finiteness passed",
                                            "agreement passed", "engine passed", "golden failed"));
  EXPECT_THAT(verdicts_.back().detail, HasSubstr("of lane 0 at step 4"));
}

TEST_F(GatesTest, AVersionThatLeavesTheRecordedEpisodesIsRefused) {
  TransitionModelSpec spec = TestRepository::Spec("model");
  Record(spec, 0.1, 2);
  EXPECT_OK(Load(Honest(spec)));
  EXPECT_THAT(Texts(verdicts_), testing::Contains("divergence passed"));
  EXPECT_THAT(verdicts_[6].detail, HasSubstr("0 of 1 recorded windows of up to 10 transitions"));

  CheckpointContent wild = Honest(spec);
  for (NamedTensor& tensor : wild.model.weights) {
    if (tensor.name == "output.mean") tensor.data.assign(tensor.data.size(), 1e9f);
  }
  wild.golden.reset();
  EXPECT_THAT(Load(wild),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("gate divergence: 1 of 1 recorded windows of up to 10")));
}

TEST_F(GatesTest, ARecordedSetOfAnotherSystemIsSaid) {
  const TransitionModelSpec spec = TestRepository::Spec("model");
  Record(spec, 0.1, 3);
  EXPECT_THAT(Load(Honest(spec)), StatusIs(absl::StatusCode::kFailedPrecondition,
                                           HasSubstr("found 3 positions, 3 velocities")));
}

TEST_F(GatesTest, AHamiltonianVersionThatDriftsTooFarIsRefused) {
  EXPECT_OK(Load(Honest(HamiltonianSpec())));
  ASSERT_TRUE(drift_.has_value());
  EXPECT_GT(*drift_, 0.0);
  EXPECT_THAT(Texts(verdicts_), testing::Contains("energy_drift passed"));

  options_.gates.max_energy_drift = *drift_ / 2;
  EXPECT_THAT(Load(Honest(HamiltonianSpec())),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("gate energy_drift: the energy drifts by")));
  EXPECT_EQ(verdicts_.back().result, GateResult::kFailed);
}

TEST(FindRecordedSet, TakesTheModelsFileOrTheNewestFinishedReports) {
  TemporaryDirectory folder;
  const std::string root = folder.path().string();
  EXPECT_THAT(FindRecordedSet(root, "hopper"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("hopper.hdf5")));
  for (const char* name : {"reports-v2", "reports-v10", "reports-v11", "reports-vx"}) {
    std::filesystem::create_directories(folder / "hopper" / name / "data");
    if (std::string(name) == "reports-v11") continue;  // still being written
    WriteFile(folder / "hopper" / name / "data" / "main_data.hdf5", "x");
  }
  ASSERT_OK_AND_ASSIGN(std::string found, FindRecordedSet(root, "hopper"));
  EXPECT_THAT(found, HasSubstr("reports-v10"));
  WriteFile(folder / "hopper.hdf5", "x");
  ASSERT_OK_AND_ASSIGN(found, FindRecordedSet(root, "hopper"));
  EXPECT_EQ(found, root + "/hopper.hdf5");
}

}  // namespace
}  // namespace rollout
