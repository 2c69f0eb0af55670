#include <cmath>
#include <numeric>
#include <thread>

#include "datasets/dataset_reader.h"
#include "datasets/dataset_writer.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "systems/system.h"
#include "tests/support/temporary_directory.h"
#include "trainer/collection/collector.h"
#include "trainer/collection/noisy_policy.h"
#include "trainer/collection/random_policy.h"

namespace rollout {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<System> Make(const std::string& name) { return *MakeSystem(name); }

// A policy that always does the same, to see who drove an episode.
class ConstantPolicy final : public Policy {
 public:
  explicit ConstantPolicy(double value) : value_(value) {}
  void StartEpisode(uint64_t) override {}
  void Act(const System&, absl::Span<double> action) override {
    std::fill(action.begin(), action.end(), value_);
  }

 private:
  const double value_;
};

NamedPolicy Constant(const std::string& name, double value) {
  return {.name = name, .make = [value] { return std::make_unique<ConstantPolicy>(value); }};
}

std::vector<Episode> Collect(const System& system, const PolicyPlan& plan,
                             const CollectionOptions& options) {
  std::vector<Episode> episodes;
  const auto summary = CollectEpisodes(system, plan, options, [&](const Episode& episode) {
    episodes.push_back(episode);
    return absl::OkStatus();
  });
  EXPECT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->episodes, static_cast<int64_t>(episodes.size()));
  return episodes;
}

TEST(CollectorTest, EpisodesDoNotDependOnTheNumberOfThreads) {
  const std::unique_ptr<System> system = Make("hopper_v5");
  const PolicyPlan plan = SinglePolicy(RandomPolicyNamed());
  const std::vector<Episode> one = Collect(*system, plan, {.episodes = 30, .seed = 5});
  for (const int threads : {2, 5}) {
    const std::vector<Episode> several =
        Collect(*system, plan, {.episodes = 30, .seed = 5, .threads = threads});
    ASSERT_EQ(several.size(), 30u);
    for (size_t i = 0; i < one.size(); ++i) {
      EXPECT_EQ(several[i].id, static_cast<int64_t>(i));
      EXPECT_EQ(several[i].seed, one[i].seed);
      EXPECT_EQ(several[i].states, one[i].states);
      EXPECT_EQ(several[i].actions, one[i].actions);
      EXPECT_EQ(several[i].rewards, one[i].rewards);
    }
  }
}

TEST(CollectorTest, FilesOfTheSameSeedAreTheSameBytes) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  const TemporaryDirectory folder;
  for (const int threads : {1, 2}) {
    auto writer = DatasetWriter::Create((folder / (std::to_string(threads) + ".hdf5")).string(),
                                        DescribeDataset(system->info()));
    ASSERT_TRUE(writer.ok()) << writer.status();
    const auto summary = CollectEpisodes(
        *system, SinglePolicy(RandomPolicyNamed()), {.episodes = 40, .threads = threads},
        [&](const Episode& episode) { return (*writer)->Append(episode); });
    ASSERT_TRUE(summary.ok()) << summary.status();
    ASSERT_TRUE((*writer)->Close().ok());
  }
  EXPECT_TRUE(ReadFile(folder / "1.hdf5") == ReadFile(folder / "2.hdf5"));  // too long to print
}

// An episode starts where its seed says and holds exactly what the system did.
TEST(CollectorTest, EpisodesCanBeReplayed) {
  const std::unique_ptr<System> system = Make("reacher_v5");
  const std::vector<Episode> episodes =
      Collect(*system, SinglePolicy(RandomPolicyNamed()), {.episodes = 3, .seed = 1});
  for (const Episode& episode : episodes) {
    std::vector<double> state(8);
    system->Reset(episode.seed);
    system->GetState(absl::MakeSpan(state));
    EXPECT_THAT(state, testing::ElementsAreArray(absl::MakeConstSpan(episode.states).first(8)));
    ASSERT_TRUE(system->ResetTo(state).ok());
    ASSERT_EQ(episode.num_steps(), 50);
    for (int step = 0; step < 50; ++step) {
      const StepResult result =
          system->Step(absl::MakeConstSpan(episode.actions).subspan(2 * step, 2));
      system->GetState(absl::MakeSpan(state));
      ASSERT_THAT(state, testing::ElementsAreArray(
                             absl::MakeConstSpan(episode.states).subspan(8 * (step + 1), 8)));
      EXPECT_EQ(result.reward, episode.rewards[step]);
      EXPECT_EQ(episode.truncations[step], step == 49);
      EXPECT_EQ(episode.terminations[step], 0);
    }
  }
}

TEST(CollectorTest, EpisodesEndAtTheTasksEndOrTheLimitGiven) {
  const std::unique_ptr<System> system = Make("hopper_v5");
  for (const Episode& episode : Collect(*system, SinglePolicy(RandomPolicyNamed()),
                                        {.episodes = 50, .max_episode_steps = 15})) {
    const int64_t last = episode.num_steps() - 1;
    ASSERT_LT(last, 15);
    EXPECT_EQ(episode.truncations[last], last == 14);
    EXPECT_TRUE(episode.truncations[last] || episode.terminations[last]);
    for (int64_t step = 0; step < last; ++step) {
      EXPECT_FALSE(episode.truncations[step] || episode.terminations[step]);
    }
  }
}

TEST(CollectorTest, PatternDecidesWhoDrivesWhichEpisode) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  PolicyPlan plan;
  plan.policies = {Constant("a", 0.1), Constant("b", 0.2), Constant("c", 0.3)};
  plan.pattern = {0, 0, 1, 2};
  const CollectionOptions options{.episodes = 10, .threads = 2};
  std::vector<std::string> names;
  for (const Episode& episode : Collect(*system, plan, options)) {
    names.push_back(episode.policy);
    EXPECT_DOUBLE_EQ(episode.actions[0], 0.1 * (1 + episode.policy[0] - 'a'));
  }
  EXPECT_THAT(names, ElementsAre("a", "a", "b", "c", "a", "a", "b", "c", "a", "a"));
  const auto summary =
      CollectEpisodes(*system, plan, options, [](const Episode&) { return absl::OkStatus(); });
  ASSERT_TRUE(summary.ok());
  EXPECT_EQ(summary->policies[0].episodes, 6);
  EXPECT_EQ(summary->policies[1].episodes, 2);
  EXPECT_EQ(summary->policies[2].name, "c");
  EXPECT_LE(summary->policies[0].return_min, summary->policies[0].return_max);
}

TEST(CollectorTest, ErrorOfTheSinkEndsTheCollection) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  int seen = 0;
  const auto summary =
      CollectEpisodes(*system, SinglePolicy(RandomPolicyNamed()),
                      {.episodes = 1000000, .threads = 2}, [&](const Episode& episode) {
                        EXPECT_EQ(episode.id, seen);
                        return ++seen == 5 ? absl::UnavailableError("disk full") : absl::OkStatus();
                      });
  EXPECT_EQ(summary.status(), absl::UnavailableError("disk full"));
  EXPECT_EQ(seen, 5);
}

TEST(CollectorTest, StopKeepsTheEpisodesThatAreDone) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  std::atomic<bool> stop = false;
  int64_t seen = 0;
  const auto summary =
      CollectEpisodes(*system, SinglePolicy(RandomPolicyNamed()),
                      {.episodes = 1000000, .threads = 2, .stop = &stop}, [&](const Episode&) {
                        if (++seen == 10) stop = true;
                        return absl::OkStatus();
                      });
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->episodes, seen);
  EXPECT_GE(seen, 10);
  EXPECT_LE(seen, 10 + 2 * 4) << "at most what was in work";
}

TEST(CollectorTest, RefusesWhatMakesNoSense) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  const auto refusal = [&](const PolicyPlan& plan, const CollectionOptions& options) {
    return std::string(
        CollectEpisodes(*system, plan, options, [](const Episode&) { return absl::OkStatus(); })
            .status()
            .message());
  };
  const PolicyPlan random = SinglePolicy(RandomPolicyNamed());
  EXPECT_THAT(refusal(random, {.episodes = 0}), HasSubstr("episodes is 0"));
  EXPECT_THAT(refusal(random, {.threads = 0}), HasSubstr("threads is 0"));
  PolicyPlan wrong = random;
  wrong.pattern = {1};
  EXPECT_THAT(refusal(wrong, {}), HasSubstr("a policy that it does not have"));
}

TEST(RandomPolicyTest, IsUniformWithinEachControlsBounds) {
  const std::unique_ptr<System> system = Make("humanoid_v5");
  system->Reset(0);
  RandomPolicy policy;
  policy.StartEpisode(3);
  std::vector<double> action(17);
  double sum = 0.0, squares = 0.0;
  for (int i = 0; i < 2000; ++i) {
    policy.Act(*system, absl::MakeSpan(action));
    for (const double value : action) {
      ASSERT_LE(std::abs(value), 0.4);
      sum += value;
      squares += value * value;
    }
  }
  EXPECT_NEAR(sum / 34000, 0.0, 0.01);
  EXPECT_NEAR(squares / 34000, 0.16 / 3, 0.002);
}

// Standard deviation and correlation of neighbouring values.
std::pair<double, double> Moments(ExplorationNoise& noise) {
  Random random(1);
  noise.Start(2, random);
  double squares = 0.0, products = 0.0, previous = noise.Next(random)[1];
  constexpr int kSteps = 200000;
  for (int i = 0; i < kSteps; ++i) {
    const double value = noise.Next(random)[1];
    squares += value * value;
    products += value * previous;
    previous = value;
  }
  return {std::sqrt(squares / kSteps), products / squares};
}

TEST(ExplorationNoiseTest, OrnsteinUhlenbeckRemembersAndGaussianDoesNot) {
  OrnsteinUhlenbeckNoise process({});
  const auto [deviation, correlation] = Moments(process);
  EXPECT_NEAR(deviation, 0.2 / std::sqrt(0.15 * 1.85), 0.01);
  EXPECT_NEAR(correlation, 0.85, 0.01);
  GaussianNoise gaussian(0.3);
  const auto [gaussian_deviation, gaussian_correlation] = Moments(gaussian);
  EXPECT_NEAR(gaussian_deviation, 0.3, 0.01);
  EXPECT_NEAR(gaussian_correlation, 0.0, 0.01);
}

TEST(NoisyPolicyTest, StaysWithinBoundsScalesWithThemAndFollowsItsSeed) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");  // bounds of +-3
  system->Reset(0);
  const auto actions = [&](double centre, uint64_t seed) {
    NoisyPolicy policy(std::make_unique<ConstantPolicy>(centre),
                       std::make_unique<GaussianNoise>(0.1));
    policy.StartEpisode(seed);
    std::vector<double> values(2000);
    for (double& value : values) policy.Act(*system, absl::MakeSpan(&value, 1));
    return values;
  };
  EXPECT_EQ(actions(0.0, 4), actions(0.0, 4));
  EXPECT_NE(actions(0.0, 4), actions(0.0, 5));
  double squares = 0.0;
  for (const double value : actions(0.0, 4)) squares += value * value;
  EXPECT_NEAR(std::sqrt(squares / 2000), 0.3, 0.02);
  for (const double value : actions(2.9, 4)) EXPECT_LE(value, 3.0);
}

// A linear actor for inverted_pendulum_v5 whose mean is tanh^-1 of `level`.
std::shared_ptr<const Actor> LinearActor(float level) {
  Actor actor;
  actor.system = "inverted_pendulum_v5";
  actor.observation = ObservationName(actor.system);
  actor.mean = {.inputs = 4, .outputs = 1, .weight = {0, 0, 0, 0}, .bias = {std::atanh(level)}};
  actor.log_std = {.inputs = 4, .outputs = 1, .weight = {0, 0, 0, 0}, .bias = {-10.0f}};
  actor.control_low = {-3.0};
  actor.control_high = {3.0};
  return std::make_shared<const Actor>(actor);
}

TEST(ActorMixtureTest, HalfActorQuarterNoiseQuarterEarlierInTurns) {
  const std::unique_ptr<System> system = Make("inverted_pendulum_v5");
  const auto plan =
      ActorMixture(LinearActor(0.5f), {LinearActor(0.1f), LinearActor(0.2f)}, system->info());
  ASSERT_TRUE(plan.ok()) << plan.status();
  std::vector<std::string> names;
  for (const Episode& episode : Collect(*system, *plan, {.episodes = 8, .threads = 2})) {
    names.push_back(episode.policy);
    if (episode.policy == "actor") {
      EXPECT_NEAR(episode.actions[0], 1.5, 0.01);
    }
    if (episode.policy == "earlier_0") {
      EXPECT_NEAR(episode.actions[0], 0.3, 0.01);
    }
    if (episode.policy == "earlier_1") {
      EXPECT_NEAR(episode.actions[0], 0.6, 0.01);
    }
    if (episode.policy == "actor+ornstein_uhlenbeck") {
      EXPECT_GT(std::abs(episode.actions[0] - 1.5), 0.01);
    }
  }
  EXPECT_THAT(names, ElementsAre("actor", "actor+ornstein_uhlenbeck", "actor", "earlier_0", "actor",
                                 "actor+ornstein_uhlenbeck", "actor", "earlier_1"));
}

TEST(ActorMixtureTest, NeedsEarlierActorsAndFittingSizes) {
  const SystemInfo info = Make("inverted_pendulum_v5")->info();
  EXPECT_THAT(std::string(ActorMixture(LinearActor(0.5f), {}, info).status().message()),
              HasSubstr("earlier"));
  const SystemInfo other = Make("hopper_v5")->info();
  EXPECT_EQ(ActorMixture(LinearActor(0.5f), {LinearActor(0.1f)}, other).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace rollout
