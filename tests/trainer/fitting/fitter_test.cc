#include "trainer/fitting/fitter.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <map>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "models/engines/torch/torch_engine.h"
#include "models/evaluation/rollout_error.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/trainer/fitting/pendulum_data.h"
#include "trainer/fitting/fit_run.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

FitOptions SmallFit(DynamicsKind kind, int64_t steps) {
  FitOptions options;
  options.name = "pendulum";
  options.dynamics = {.kind = kind, .hidden_sizes = {16, 16}};
  if (kind == DynamicsKind::kHnn) {
    options.dynamics.has_force = true;
    options.dynamics.mass = MassKind::kLearned;
  }
  options.integrator = {.method = DefaultIntegrator(kind),
                        .substeps = kind == DynamicsKind::kHnn ? 2 : 4};
  options.batch = 32;
  options.steps = steps;
  options.learning_rate = 5e-3;
  return options;
}

absl::StatusOr<std::unique_ptr<Fitter>> MakeFitter(const FitData& data, const FitOptions& options,
                                                   const TransitionModel* initial = nullptr) {
  auto statistics = MeasureData(data.training, data.info);
  if (!statistics.ok()) return statistics.status();
  auto spec = MakeFitSpec(data.info, *statistics, options);
  if (!spec.ok()) return spec.status();
  auto set = MakeTrainingSet(data.training, data.info, options.window_states);
  if (!set.ok()) return set.status();
  return Fitter::Create(*std::move(set), *statistics, *spec, options, initial);
}

double ErrorAt(const TransitionModel& model, const FitData& data, int64_t horizon) {
  auto engine = MakeTorchEngine(model, {}, TorchPrecision::kFloat32);
  EXPECT_OK(engine);
  EnginePredictor predictor(engine->get());
  WindowSet set{6, 1, data.held_out, PlaceWindows(data.held_out, horizon, horizon)};
  ErrorScale scale;
  scale.state_scale.assign(model.spec.state_scale.begin(), model.spec.state_scale.end());
  scale.angular_positions = model.spec.angular_positions;
  return SummariseErrors(*MeasureErrors(predictor, set, scale), {horizon})[0].rmse;
}

// LibTorch computes on one thread in every test here.
[[maybe_unused]] const bool one_thread = [] {
  at::set_num_threads(1);
  return true;
}();

class FitterTest : public ::testing::TestWithParam<DynamicsKind> {};

TEST_P(FitterTest, LearnsAPendulumBetterThanNoChange) {
  const FitData data = PendulumData(30, 60);
  // Autograd takes its time.
  const int64_t steps = GetParam() == DynamicsKind::kHnn ? 200 : 400;
  ASSERT_OK_AND_ASSIGN(const auto fitter, MakeFitter(data, SmallFit(GetParam(), steps)));
  while (!fitter->done()) ASSERT_OK(fitter->Step());
  const auto& losses = fitter->state().losses;
  ASSERT_EQ(static_cast<int64_t>(losses.size()), steps / Fitter::kLossInterval);
  EXPECT_LT(losses.back(), 0.5 * losses.front());
  NoChange no_change(6);
  WindowSet set{6, 1, data.held_out, PlaceWindows(data.held_out, 10, 10)};
  ErrorScale scale;
  const TransitionModel model = fitter->Model();
  scale.state_scale.assign(model.spec.state_scale.begin(), model.spec.state_scale.end());
  const double baseline = SummariseErrors(*MeasureErrors(no_change, set, scale), {10})[0].rmse;
  EXPECT_LT(ErrorAt(model, data, 10), baseline / 3);
}

TEST_P(FitterTest, StartingFromAModelGoesOnWhereItWas) {
  const FitData data = PendulumData(30, 60);
  FitData other = PendulumData(45, 40);
  for (ObservedEpisode& episode : other.training) {
    for (double& state : episode.states) state *= 1.5;  // other normalisers
  }
  ASSERT_OK_AND_ASSIGN(const auto first, MakeFitter(data, SmallFit(GetParam(), 60)));
  while (!first->done()) ASSERT_OK(first->Step());
  const TransitionModel model = first->Model();
  ASSERT_OK_AND_ASSIGN(const auto second, MakeFitter(other, SmallFit(GetParam(), 60), &model));
  // The same function of state and control under other normalisers.
  TransitionModel continued = second->Model();
  EXPECT_NE(FindTensor(continued, "mlp.0.weight") == nullptr
                ? FindTensor(continued, "force.0.weight")->data
                : FindTensor(continued, "mlp.0.weight")->data,
            FindTensor(model, "mlp.0.weight") == nullptr ? FindTensor(model, "force.0.weight")->data
                                                         : FindTensor(model, "mlp.0.weight")->data);
  continued.spec.state_scale = model.spec.state_scale;
  EXPECT_NEAR(ErrorAt(continued, data, 20) / ErrorAt(model, data, 20), 1.0, 1e-3);
  const FitOptions wider = [&] {
    FitOptions options = SmallFit(GetParam(), 10);
    options.dynamics.hidden_sizes = {16, 20};
    return options;
  }();
  EXPECT_THAT(MakeFitter(data, wider, &model),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("cannot start from model")));
}

// What a killed fit and a restarted one leave is what one fit leaves, bit for bit.
TEST_P(FitterTest, ResumedFitEndsWithTheSameBits) {
  const FitData data = PendulumData(12, 30);
  FitOptions options = SmallFit(GetParam(), 40);
  options.ensemble_size = 2;
  const TemporaryDirectory directory;
  const FitSettings settings = {{"seed", "0"}};
  ASSERT_OK_AND_ASSIGN(const auto whole, MakeFitter(data, options));
  while (!whole->done()) ASSERT_OK(whole->Step());

  ASSERT_OK_AND_ASSIGN(const auto part, MakeFitter(data, options));
  for (int i = 0; i < 17; ++i) ASSERT_OK(part->Step());
  const std::string path = directory / "fit-state";
  ASSERT_OK(WriteFitState(path, part->Save(), settings));
  ASSERT_OK_AND_ASSIGN(const FitState state, ReadFitState(path, settings));
  ASSERT_OK_AND_ASSIGN(const auto resumed, MakeFitter(data, options));
  ASSERT_OK(resumed->Restore(state));
  EXPECT_EQ(resumed->step(), 17);
  while (!resumed->done()) ASSERT_OK(resumed->Step());

  const TransitionModel a = whole->Model(), b = resumed->Model();
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (size_t i = 0; i < a.weights.size(); ++i) EXPECT_EQ(a.weights[i].data, b.weights[i].data);
  EXPECT_NE(a.weights.back().data, part->Model().weights.back().data);
}

INSTANTIATE_TEST_SUITE_P(Kinds, FitterTest,
                         ::testing::Values(DynamicsKind::kNode, DynamicsKind::kNodeSo,
                                           DynamicsKind::kHnn),
                         [](const auto& info) { return std::string(Name(info.param)); });

TEST(Fitter, MembersOfAnEnsembleDifferAndEachLearns) {
  const FitData data = PendulumData(20, 40);
  FitOptions options = SmallFit(DynamicsKind::kNodeSo, 200);
  options.ensemble_size = 3;
  ASSERT_OK_AND_ASSIGN(const auto fitter, MakeFitter(data, options));
  while (!fitter->done()) ASSERT_OK(fitter->Step());
  EXPECT_LT(fitter->state().losses.back(), 0.5 * fitter->state().losses.front());
  const TransitionModel model = fitter->Model();
  const NamedTensor* weight = FindTensor(model, "mlp.0.weight");
  ASSERT_EQ(weight->shape[0], 3);
  const size_t size = weight->data.size() / 3;
  EXPECT_NE(std::vector<float>(weight->data.begin(), weight->data.begin() + size),
            std::vector<float>(weight->data.begin() + size, weight->data.begin() + 2 * size));
}

TEST(Fitter, DivergingFitNamesItsStep) {
  const FitData data = PendulumData(12, 30);
  FitOptions options = SmallFit(DynamicsKind::kNodeSo, 2000);
  options.learning_rate = 1e20;
  options.gradient_clip = 0;
  ASSERT_OK_AND_ASSIGN(const auto fitter, MakeFitter(data, options));
  absl::Status status;
  while (!fitter->done() && status.ok()) status = fitter->Step();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInternal, HasSubstr("diverged at step")));
}

TEST(Fitter, OptionsThatMakeNoSenseAreRefusedByName) {
  const FitData data = PendulumData(12, 30);
  FitOptions options = SmallFit(DynamicsKind::kNodeSo, 10);
  options.final_learning_rate = 1.0;
  EXPECT_THAT(MakeFitter(data, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("final-learning-rate")));
  options = SmallFit(DynamicsKind::kNodeSo, 10);
  options.window_states = 100;
  EXPECT_THAT(MakeFitter(data, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("windows need 99")));
  options = SmallFit(DynamicsKind::kNode, 10);
  options.integrator.method = IntegratorMethod::kConstantAcceleration;
  EXPECT_THAT(MakeFitter(data, options),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("integrator.method")));
}

TEST(FitState, OfAnotherFitIsRefusedNamingWhatDiffers) {
  const TemporaryDirectory directory;
  const std::string path = directory / "fit-state";
  EXPECT_THAT(ReadFitState(path, {}), StatusIs(absl::StatusCode::kNotFound, HasSubstr(path)));
  ASSERT_OK(WriteFitState(path,
                          {.step = 3,
                           .parameters = {1},
                           .first_moment = {0},
                           .second_moment = {0},
                           .losses = {},
                           .loss_sum = 0.1},
                          {{"seed", "1"}}));
  EXPECT_OK(ReadFitState(path, {{"seed", "1"}}));
  EXPECT_THAT(
      ReadFitState(path, {{"seed", "2"}}),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("seed is \"1\" there and \"2\" now")));
}

TEST(WindowSampler, VisitsEveryWindowOnceAnEpochAndResumesAnywhere) {
  const FitData data = PendulumData(12, 30);
  ASSERT_OK_AND_ASSIGN(const TrainingSet set, MakeTrainingSet(data.training, data.info, 3));
  const int64_t windows = static_cast<int64_t>(set.window_rows.size());
  ASSERT_EQ(windows, static_cast<int64_t>(data.training.size()) * 29);
  WindowSampler sampler(set, 5, 10, false, 0);
  std::map<int64_t, int> seen;
  const int64_t steps = windows / 10;
  for (int64_t step = 0; step < steps; ++step) {
    for (const int64_t row : sampler.Rows(step)) ++seen[row];
  }
  EXPECT_EQ(static_cast<int64_t>(seen.size()), steps * 10);
  WindowSampler later(set, 5, 10, false, 0);
  EXPECT_EQ(later.Rows(steps + 3), [&] {
    for (int64_t step = 0; step < steps + 3; ++step) sampler.Rows(step);
    return sampler.Rows(steps + 3);
  }());
  // Windows are of 3 states of one episode: the ignored position starts at 0 and moves little.
  WindowBatch batch;
  GatherWindows(set, sampler.Rows(0), &batch);
  for (int lane = 0; lane < 10; ++lane) {
    EXPECT_EQ(batch.states[lane * 6], 0.0f);
    EXPECT_LT(std::abs(batch.states[(20 + lane) * 6]), 1.0f);
  }
}

TEST(DataStatistics, ConstantDimensionsAndNonFiniteNumbers) {
  FitData data = PendulumData(12, 30);
  for (ObservedEpisode& episode : data.training) {
    for (size_t i = 2; i < episode.states.size(); i += 6) episode.states[i] = 0.25;
  }
  ASSERT_OK_AND_ASSIGN(const DataStatistics statistics, MeasureData(data.training, data.info));
  EXPECT_THAT(statistics.constant, ::testing::ElementsAre(0, 0, 1, 0, 0, 0));
  EXPECT_EQ(statistics.state_scale[2], 1.0);
  EXPECT_EQ(InverseLossScale(statistics)[2], 0.0f);
  // The cart's position spreads over 5, but moves less within an episode.
  EXPECT_LT(statistics.state_scale[0], 0.5 * statistics.state_std[0]);
  EXPECT_EQ(statistics.input_mean.size(), 3u + 3u + 1u);
  data.training[1].states[6 * 4 + 3] = std::nan("");
  EXPECT_THAT(MeasureData(data.training, data.info),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("training episode 1, step 4: state dimension 3")));
}

}  // namespace
}  // namespace rollout
