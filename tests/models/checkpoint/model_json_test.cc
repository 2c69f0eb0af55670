// model.json: everything survives the way there and back, everything else is refused.
#include "models/checkpoint/model_json.h"

#include "absl/strings/str_replace.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

using ::testing::HasSubstr;

// A ModelSpec as a person writes it.
constexpr char kHopper[] = R"({
  "name": "hopper", "num_positions": 2, "num_controls": 1,
  "angular_positions": [1], "ignored_positions": [0],
  "transition_dt": 0.008,
  "integrator": {"method": "CONSTANT_ACCELERATION", "substeps": 8},
  "ensemble_size": 1,
  "dynamics": {"kind": "NODE_SO", "hidden_sizes": [128, 64], "activation": "TANH"},
  "state_scale": [0.4, 1, 2, 3],
  "control_low": [-1], "control_high": [1],
  "reward": "", "termination": ""
})";

std::string With(const std::string& from, const std::string& to) {
  const std::string text = absl::StrReplaceAll(kHopper, {{from, to}});
  EXPECT_NE(text, kHopper) << from;
  return text;
}

TEST(ModelJsonTest, ReadsWhatAPersonWrites) {
  ASSERT_OK_AND_ASSIGN(const TransitionModelSpec spec, ParseModelJson(kHopper));
  EXPECT_EQ(spec.name, "hopper");
  EXPECT_EQ(spec.dynamics.hidden_sizes, (std::vector<int>{128, 64}));
  EXPECT_EQ(spec.integrator.method, IntegratorMethod::kConstantAcceleration);
  EXPECT_EQ(spec.dynamics.mass, MassKind::kNone);
  EXPECT_EQ(spec.dynamics.mass_epsilon, 1e-4);
  EXPECT_EQ(spec.golden_tolerance, 1e-3);
  EXPECT_EQ(spec.integrator.rtol, 0);
  EXPECT_EQ(spec.state_scale[0], 0.4f);
}

TEST(ModelJsonTest, AnUnsetMassIsLearnedWhereTheKindHasOne) {
  std::string text = With("NODE_SO", "HNN");
  text = absl::StrReplaceAll(text, {{"CONSTANT_ACCELERATION", "LEAPFROG"}});
  ASSERT_OK_AND_ASSIGN(const TransitionModelSpec spec, ParseModelJson(text));
  EXPECT_EQ(spec.dynamics.mass, MassKind::kLearned);
}

TEST(ModelJsonTest, AbsentControlsAreNone) {
  std::string text = With("\"num_controls\": 1,", "");
  text = absl::StrReplaceAll(text, {{"\"control_low\": [-1], \"control_high\": [1],", ""}});
  ASSERT_OK_AND_ASSIGN(const TransitionModelSpec spec, ParseModelJson(text));
  EXPECT_EQ(spec.num_controls, 0);
}

struct Rejection {
  std::string name;
  std::string from;
  std::string to;
  std::string message;
};

class ModelJsonRejectionTest : public ::testing::TestWithParam<Rejection> {};

TEST_P(ModelJsonRejectionTest, IsRefused) {
  EXPECT_THAT(ParseModelJson(With(GetParam().from, GetParam().to)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(GetParam().message)));
}

INSTANTIATE_TEST_SUITE_P(
    Json, ModelJsonRejectionTest,
    ::testing::Values(
        Rejection{"UnknownField", "\"name\"", "\"colour\": 1, \"name\"", "colour"},
        Rejection{"UnknownNestedField", "\"substeps\": 8", "\"substeps\": 8, \"order\": 2",
                  "order"},
        Rejection{"UnknownKind", "NODE_SO", "NODE_THIRD", "NODE_THIRD"},
        Rejection{"UnknownKindNumber", "\"NODE_SO\"", "77", "dynamics.kind: found number 77"},
        Rejection{"UnsetKind", "\"kind\": \"NODE_SO\",", "", "dynamics.kind: found nothing"},
        Rejection{"UnsetActivation", ", \"activation\": \"TANH\"", "", "dynamics.activation"},
        Rejection{"UnsetMethod", "\"method\": \"CONSTANT_ACCELERATION\",", "", "integrator.method"},
        Rejection{"UnsetEnsemble", "\"ensemble_size\": 1,", "", "ensemble_size: found 0"},
        Rejection{"HugeSize", "\"num_positions\": 2", "\"num_positions\": 4294967295",
                  "num_positions"},
        Rejection{"HugeIndex", "\"angular_positions\": [1]", "\"angular_positions\": [4294967295]",
                  "angular_positions"},
        Rejection{"NegativeSize", "\"num_positions\": 2", "\"num_positions\": -2", "num_positions"},
        Rejection{"FloatOverflow", "0.4", "1e60", "state_scale"},
        Rejection{"NanScale", "0.4", "\"NaN\"", "state_scale"},
        Rejection{"WrongType", "\"hopper\"", "[1]", "name"},
        Rejection{"ZeroTolerance", "\"substeps\": 8", "\"substeps\": 8, \"rtol\": 0",
                  "integrator.rtol: found 0"},
        Rejection{"ZeroEpsilon", "\"activation\"", "\"mass_epsilon\": 0, \"activation\"",
                  "mass_epsilon"},
        Rejection{"ZeroGoldenTolerance", "\"name\"", "\"golden_tolerance\": 0, \"name\"",
                  "golden_tolerance"},
        Rejection{"MassOnNodeSo", "\"activation\"", "\"mass\": \"LEARNED\", \"activation\"",
                  "dynamics.mass"},
        Rejection{"Truncated", "\"termination\": \"\"\n}", "\"termination\":", "ModelSpec"},
        Rejection{"NotAnObject", "{\n  \"name\": \"hopper\"", "[{\n  \"name\": \"hopper\"",
                  "ModelSpec"},
        Rejection{"InvalidUtf8", "hopper", "hop\xffper", ""}),
    [](const auto& info) { return info.param.name; });

TEST(ModelJsonTest, DeepNestingIsRefused) {
  std::string text = kHopper;
  text.insert(1, "\"name\":" + std::string(100'000, '[') + std::string(100'000, ']') + ",");
  EXPECT_THAT(ParseModelJson(text), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("")));
}

TEST(ModelJsonTest, EveryKindAndFieldSurvivesTheRoundTrip) {
  for (const SpecChoice& choice : EverySpecChoice()) {
    TransitionModelSpec spec = MakeSpec(choice);
    spec.state_names = {"a", "b", "c", "d", "e", "f"};
    spec.control_names = {"é", "\"quoted\""};
    spec.control_low = {-1, -0.3f};
    spec.control_high = {1, 0.3f};
    spec.data_low = {-1, -2, -3, -4, -5, -6};
    spec.data_high = {1, 2, 3, 4, 5, 6};
    spec.useful_horizon = 17;
    spec.golden_tolerance = 2e-3;
    if (choice.method == IntegratorMethod::kDopri5) spec.integrator.rtol = 1e-7;
    if (spec.dynamics.mass == MassKind::kLearned) spec.dynamics.mass_epsilon = 3e-5;
    ASSERT_OK(ValidateSpec(spec)) << ChoiceName(choice);
    ASSERT_OK_AND_ASSIGN(const TransitionModelSpec read, ParseModelJson(WriteModelJson(spec)));
    EXPECT_EQ(SpecToProto(read).SerializeAsString(), SpecToProto(spec).SerializeAsString())
        << ChoiceName(choice);
    EXPECT_EQ(read.dynamics.kind, spec.dynamics.kind);
    EXPECT_EQ(read.dynamics.mass, spec.dynamics.mass);
    EXPECT_EQ(read.integrator.method, spec.integrator.method);
    EXPECT_EQ(read.transition_dt, spec.transition_dt);
    EXPECT_EQ(read.state_scale, spec.state_scale);
    EXPECT_EQ(read.control_names, spec.control_names);
  }
}

TEST(ModelJsonTest, UsesTheFieldNamesOfTheProto) {
  const std::string text = WriteModelJson(MakeSpec({}));
  EXPECT_THAT(text, HasSubstr("\"num_positions\": 3"));
  EXPECT_THAT(text, HasSubstr("\"kind\": \"NODE_SO\""));
}

}  // namespace
}  // namespace rollout
