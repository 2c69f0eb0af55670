// What makes a spec valid, and which tensors it implies.
#include "models/transition_model.h"

#include <cmath>
#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Rejection {
  std::string name;
  SpecChoice choice;
  std::function<void(TransitionModelSpec&)> damage;
  std::string message;
};

SpecChoice Choice(DynamicsKind kind, MassKind mass = MassKind::kNone) {
  SpecChoice choice;
  choice.kind = kind;
  choice.mass = mass;
  return choice;
}

std::vector<Rejection> Rejections() {
  using Spec = TransitionModelSpec;
  const SpecChoice plain, node = Choice(DynamicsKind::kNode), hnn = Choice(DynamicsKind::kHnn);
  const SpecChoice canonical = Choice(DynamicsKind::kHnnCanonical);
  const SpecChoice mechanics = Choice(DynamicsKind::kMechanics);
  const SpecChoice recurrent = Choice(DynamicsKind::kNodeRecurrent);
  const SpecChoice pixels = Choice(DynamicsKind::kPixelHnn);
  const auto method = [](IntegratorMethod value) {
    return [value](Spec& spec) { spec.integrator.method = value; };
  };
  return {
      {"EmptyName", plain, [](Spec& s) { s.name = std::string(""); }, "name"},
      {"NameWithSlash", plain, [](Spec& s) { s.name = std::string("a/b"); }, "name"},
      {"NameWithLeadingDot", plain, [](Spec& s) { s.name = std::string(".a"); }, "name"},
      {"LongName", plain, [](Spec& s) { s.name = std::string(65, 'a'); }, "name"},
      {"NoPositions", plain, [](Spec& s) { s.num_positions = 0; }, "num_positions: found 0"},
      {"ManyPositions", plain, [](Spec& s) { s.num_positions = 513; }, "num_positions"},
      {"NegativeControls", plain, [](Spec& s) { s.num_controls = -1; }, "num_controls"},
      {"ManyControls", plain, [](Spec& s) { s.num_controls = 513; }, "num_controls"},
      {"NoMembers", plain, [](Spec& s) { s.ensemble_size = 0; }, "ensemble_size"},
      {"ManyMembers", plain, [](Spec& s) { s.ensemble_size = 65; }, "ensemble_size"},
      {"ZeroDt", plain, [](Spec& s) { s.transition_dt = 0; }, "transition_dt"},
      {"NanDt", plain, [](Spec& s) { s.transition_dt = kNan; }, "transition_dt"},
      {"InfiniteDt", plain, [](Spec& s) { s.transition_dt = kInfinity; }, "transition_dt"},
      {"ZeroTolerance", plain, [](Spec& s) { s.golden_tolerance = 0; }, "golden_tolerance"},
      {"NoMemory", recurrent, [](Spec& s) { s.dynamics.memory_size = 0; }, "memory_size: found 0"},
      {"MemoryOfAnotherKind", plain, [](Spec& s) { s.dynamics.memory_size = 3; },
       "memory_size: found 3 with kind NODE_SO"},
      {"LeapfrogOfRecurrent", recurrent, method(IntegratorMethod::kLeapfrog),
       "LEAPFROG with kind NODE_RECURRENT"},
      {"NoAutoencoder", pixels, [](Spec& s) { s.dynamics.autoencoder_width = 0; },
       "autoencoder_width: found 0"},
      {"AutoencoderOfAnotherKind", plain, [](Spec& s) { s.dynamics.autoencoder_width = 3; },
       "autoencoder_width: found 3 with kind NODE_SO"},
      {"PixelsWithAngles", pixels, [](Spec& s) { s.angular_positions = {0}; },
       "some with kind PIXEL_HNN"},
      {"PixelsInAnEnsemble", pixels, [](Spec& s) { s.ensemble_size = 2; },
       "ensemble_size: found 2 with kind PIXEL_HNN"},
      {"NoSubsteps", plain, [](Spec& s) { s.integrator.substeps = 0; }, "substeps"},
      {"ManySubsteps", plain, [](Spec& s) { s.integrator.substeps = 1025; }, "substeps"},
      {"ManyLayers", plain, [](Spec& s) { s.dynamics.hidden_sizes.assign(17, 4); }, "hidden_sizes"},
      {"EmptyLayer", plain,
       [](Spec& s) {
         s.dynamics.hidden_sizes = {4, 0};
       },
       "hidden_sizes"},
      {"WideLayer", plain, [](Spec& s) { s.dynamics.hidden_sizes = {8193}; }, "hidden_sizes"},
      {"ShortScale", plain, [](Spec& s) { s.state_scale.pop_back(); }, "state_scale"},
      {"NoScale", plain, [](Spec& s) { s.state_scale.clear(); }, "state_scale"},
      {"ZeroScale", plain, [](Spec& s) { s.state_scale[1] = 0; }, "state_scale"},
      {"NanScale", plain, [](Spec& s) { s.state_scale[1] = kNan; }, "state_scale"},
      {"NStateNames", plain, [](Spec& s) { s.state_names.assign(3, "x"); }, "state_names"},
      {"OneControlName", plain, [](Spec& s) { s.control_names = {"x"}; }, "control_names"},
      {"LowWithoutHigh", plain,
       [](Spec& s) {
         s.control_low = {-1, -1};
       },
       "control_high"},
      {"ShortBounds", plain,
       [](Spec& s) {
         s.control_low = {-1};
         s.control_high = {1};
       },
       "control_low"},
      {"EqualBounds", plain,
       [](Spec& s) {
         s.control_low = {-1, 1};
         s.control_high = {1, 1};
       },
       "low below high"},
      {"InfiniteBounds", plain,
       [](Spec& s) {
         s.control_low = {-1, -kInfinity};
         s.control_high = {1, 1};
       },
       "finite"},
      {"ShortDataRange", plain,
       [](Spec& s) {
         s.data_low = {0};
         s.data_high = {1};
       },
       "data_low"},
      {"AngularOutOfRange", plain, [](Spec& s) { s.angular_positions = {3}; }, "angular_positions"},
      {"AngularNegative", plain, [](Spec& s) { s.angular_positions = {-1}; }, "angular_positions"},
      {"AngularTwice", plain,
       [](Spec& s) {
         s.angular_positions = {1, 1};
       },
       "increasing"},
      {"AngularUnsorted", plain,
       [](Spec& s) {
         s.angular_positions = {1, 0};
       },
       "increasing"},
      {"IgnoredOutOfRange", plain, [](Spec& s) { s.ignored_positions = {3}; }, "ignored_positions"},
      {"IgnoredUnsorted", plain,
       [](Spec& s) {
         s.ignored_positions = {2, 1};
       },
       "increasing"},
      {"IgnoredAndAngular", plain,
       [](Spec& s) {
         s.angular_positions = {0, 1};
         s.ignored_positions = {1};
       },
       "angular too"},
      {"PotentialSeesNothing", hnn,
       [](Spec& s) {
         s.ignored_positions = {0, 1, 2};
       },
       "potential"},
      {"ForceOnNode", node, [](Spec& s) { s.dynamics.has_force = true; }, "has_force"},
      {"ForceOnNodeSo", plain, [](Spec& s) { s.dynamics.has_force = true; }, "has_force"},
      {"ForceOnMechanics", mechanics, [](Spec& s) { s.dynamics.has_force = true; }, "has_force"},
      {"ForceOnCanonical", canonical, [](Spec& s) { s.dynamics.has_force = true; }, "has_force"},
      {"MassOnNode", node, [](Spec& s) { s.dynamics.mass = MassKind::kLearned; }, "dynamics.mass"},
      {"MassOnNodeSo", plain, [](Spec& s) { s.dynamics.mass = MassKind::kIdentity; },
       "dynamics.mass"},
      {"MassOnCanonical", canonical, [](Spec& s) { s.dynamics.mass = MassKind::kLearned; },
       "dynamics.mass"},
      {"NoMassOnHnn", hnn, [](Spec& s) { s.dynamics.mass = MassKind::kNone; }, "dynamics.mass"},
      {"TinyEpsilon", hnn, [](Spec& s) { s.dynamics.mass_epsilon = 1e-9; }, "mass_epsilon"},
      {"NanEpsilon", hnn, [](Spec& s) { s.dynamics.mass_epsilon = kNan; }, "mass_epsilon"},
      {"AngularCanonical", canonical, [](Spec& s) { s.angular_positions = {0}; }, "HNN_CANONICAL"},
      {"IgnoredCanonical", canonical, [](Spec& s) { s.ignored_positions = {0}; }, "HNN_CANONICAL"},
      {"NodeConstantAcceleration", node, method(IntegratorMethod::kConstantAcceleration),
       "second-order"},
      {"LearnedMassConstantAcceleration", hnn, method(IntegratorMethod::kConstantAcceleration),
       "LEARNED"},
      {"NonseparableConstantAcceleration",
       Choice(DynamicsKind::kHnnNonseparable, MassKind::kIdentity),
       method(IntegratorMethod::kConstantAcceleration), "second-order"},
      {"CanonicalConstantAcceleration", canonical, method(IntegratorMethod::kConstantAcceleration),
       "second-order"},
      {"NodeSymplecticEuler", node, method(IntegratorMethod::kSymplecticEuler), "split"},
      {"NodeLeapfrog", node, method(IntegratorMethod::kLeapfrog), "split"},
      {"ToleranceOfFixedStep", plain, [](Spec& s) { s.integrator.rtol = 1e-6; }, "rtol"},
      {"NegativeTolerance", plain,
       [](Spec& s) {
         s.integrator.method = IntegratorMethod::kDopri5;
         s.integrator.atol = -1e-6;
       },
       "atol"},
      {"NegativeUsefulHorizon", plain, [](Spec& s) { s.useful_horizon = -1; }, "useful_horizon"},
  };
}

class RejectionTest : public ::testing::TestWithParam<Rejection> {};

TEST_P(RejectionTest, NamesTheField) {
  TransitionModelSpec spec = MakeSpec(GetParam().choice);
  ASSERT_OK(ValidateSpec(spec));
  GetParam().damage(spec);
  EXPECT_THAT(ValidateSpec(spec),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(Spec, RejectionTest, ::testing::ValuesIn(Rejections()),
                         [](const auto& info) { return info.param.name; });

TEST(ValidateSpecTest, TakesEveryOtherCombinationOfKindAndIntegrator) {
  // 8 integrators for each of the settings of mass, force and angles, less those of the table
  // above: NODE (5 of 8) x angles; NODE_SO (8) x angles; HNN learned (7), identity (8), each x
  // force x angles; NONSEPARABLE learned and identity (7 each) x force x angles; MECHANICS learned
  // (7), identity (8) x angles; CANONICAL (7); RECURRENT as NODE.
  EXPECT_EQ(EverySpecChoice().size(), 2 * 5 * 2 + 8 * 2 + (7 + 8) * 4 + 14 * 4 + (7 + 8) * 2 + 7);
}

TEST(ValidateSpecTest, TakesModelsWithoutControlsAndDeepLinearOnes) {
  SpecChoice choice;
  choice.num_controls = 0;
  choice.hidden_sizes = {};
  EXPECT_OK(ValidateSpec(MakeSpec(choice)));
}

std::vector<std::string> Listing(const TransitionModelSpec& spec) {
  std::vector<std::string> lines;
  for (const TensorShape& tensor : ExpectedTensors(spec)) {
    std::string line = tensor.name;
    for (const int64_t dimension : tensor.shape) absl::StrAppend(&line, " ", dimension);
    lines.push_back(line);
  }
  return lines;
}

// n = 3, nu = 2, one angle, one ignored: F = 3.
SpecChoice Angles(DynamicsKind kind) {
  SpecChoice choice = Choice(kind);
  choice.angular_positions = {1};
  choice.ignored_positions = {0};
  choice.hidden_sizes = {5};
  choice.ensemble_size = 4;
  return choice;
}

TEST(ExpectedTensorsTest, NodePredictsBothHalvesOfTheState) {
  EXPECT_THAT(
      Listing(MakeSpec(Angles(DynamicsKind::kNode))),
      ElementsAre("input.mean 8", "input.std 8", "output.mean 6", "output.std 6",
                  "mlp.0.weight 4 5 8", "mlp.0.bias 4 5", "mlp.1.weight 4 6 5", "mlp.1.bias 4 6"));
}

TEST(ExpectedTensorsTest, HnnWithoutForceHasNoNormalisers) {
  EXPECT_THAT(Listing(MakeSpec(Angles(DynamicsKind::kHnn))),
              ElementsAre("potential.0.weight 4 5 3", "potential.0.bias 4 5",
                          "potential.1.weight 4 1 5", "potential.1.bias 4 1", "mass.0.weight 4 5 3",
                          "mass.0.bias 4 5", "mass.1.weight 4 6 5", "mass.1.bias 4 6"));
}

TEST(ExpectedTensorsTest, NonseparableHamiltonianSeesMomentaAndForceAddsNormalisers) {
  SpecChoice choice = Angles(DynamicsKind::kHnnNonseparable);
  choice.mass = MassKind::kIdentity;
  choice.has_force = true;
  EXPECT_THAT(
      Listing(MakeSpec(choice)),
      ElementsAre("input.mean 8", "input.std 8", "output.mean 3", "output.std 3",
                  "hamiltonian.0.weight 4 5 6", "hamiltonian.0.bias 4 5",
                  "hamiltonian.1.weight 4 1 5", "hamiltonian.1.bias 4 1", "force.0.weight 4 5 8",
                  "force.0.bias 4 5", "force.1.weight 4 3 5", "force.1.bias 4 3"));
}

TEST(ExpectedTensorsTest, RecurrentNodeSeesItsMemoryAndHasTheGatesOfAGruCell) {
  EXPECT_THAT(Listing(MakeSpec(Angles(DynamicsKind::kNodeRecurrent))),  // a memory of 5
              ElementsAre("input.mean 8", "input.std 8", "output.mean 6", "output.std 6",
                          "mlp.0.weight 4 5 13", "mlp.0.bias 4 5", "mlp.1.weight 4 6 5",
                          "mlp.1.bias 4 6", "gru.input.weight 4 15 8", "gru.input.bias 4 15",
                          "gru.memory.weight 4 15 5", "gru.memory.bias 4 15"));
}

TEST(ExpectedTensorsTest, PixelHnnHasAnAutoencoderOfPairsOfFrames) {
  SpecChoice choice = Choice(DynamicsKind::kPixelHnn);  // of width 8
  choice.hidden_sizes = {5};
  choice.num_positions = 1;
  EXPECT_THAT(Listing(MakeSpec(choice)),
              ElementsAre("hamiltonian.0.weight 1 5 2", "hamiltonian.0.bias 1 5",
                          "hamiltonian.1.weight 1 1 5", "hamiltonian.1.bias 1 1",
                          "encoder.0.weight 1 8 1568", "encoder.0.bias 1 8",
                          "encoder.1.weight 1 8 8", "encoder.1.bias 1 8", "encoder.2.weight 1 8 8",
                          "encoder.2.bias 1 8", "encoder.3.weight 1 2 8", "encoder.3.bias 1 2",
                          "decoder.0.weight 1 8 2", "decoder.0.bias 1 8", "decoder.1.weight 1 8 8",
                          "decoder.1.bias 1 8", "decoder.2.weight 1 8 8", "decoder.2.bias 1 8",
                          "decoder.3.weight 1 1568 8", "decoder.3.bias 1 1568"));
}

TEST(ExpectedTensorsTest, CanonicalHamiltonianSeesTheStateAndALinearNetworkIsOneLayer) {
  SpecChoice choice = Choice(DynamicsKind::kHnnCanonical);
  choice.hidden_sizes = {};
  EXPECT_THAT(Listing(MakeSpec(choice)),
              ElementsAre("hamiltonian.0.weight 1 1 6", "hamiltonian.0.bias 1 1"));
}

TEST(ClipControlsTest, BringsEachControlIntoItsBounds) {
  TransitionModelSpec spec = MakeSpec({});
  std::vector<float> controls = {-3, 3, 0, 5};
  ClipControls(spec, absl::MakeSpan(controls));
  EXPECT_THAT(controls, ElementsAre(-3, 3, 0, 5));
  spec.control_low = {-1, -2};
  spec.control_high = {1, 4};
  ClipControls(spec, absl::MakeSpan(controls));
  EXPECT_THAT(controls, ElementsAre(-1, 3, 0, 4));
}

}  // namespace
}  // namespace rollout
