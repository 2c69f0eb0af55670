#include "server/registry/model_registry.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "models/checkpoint/checkpoint.h"
#include "server/metrics/registry_collector.h"
#include "server/registry/repository_watcher.h"
#include "server/registry/servable_loader.h"
#include "server/services/stream_versions.h"
#include "tests/server/test_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ManualClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::FromUnixNanos(nanoseconds_.load()); }
  void Advance(absl::Duration by) { nanoseconds_ += absl::ToInt64Nanoseconds(by); }

 private:
  std::atomic<int64_t> nanoseconds_{int64_t{1'000'000'000'000}};
};

class CountingObserver final : public RegistryObserver {
 public:
  void LoadFinished(const std::string&, const absl::Status& verdict, const GateVerdicts&) override {
    ++(verdict.ok() ? good_ : bad_);
  }
  void Changed() override { ++changes_; }
  int good() const { return good_; }
  int bad() const { return bad_; }

 private:
  std::atomic<int> good_{0};
  std::atomic<int> bad_{0};
  std::atomic<int> changes_{0};
};

class ModelRegistryTest : public testing::Test {
 protected:
  ModelRegistryTest()
      : repository_(folder_.path()),
        loader_({repository_.path(), EngineOptionsForTests(), BatchLimits(), {}, {}},
                MakeEngineModuleFinder(""), &clock_),
        registry_(
            {repository_.path(), VersionPolicy()},
            [this](const std::string& model, int64_t version, const Servable* oldest,
                   GateVerdicts* gates) { return loader_.Load(model, version, oldest, gates); },
            &clock_, &observer_) {}

  static EngineChoiceOptions EngineOptionsForTests() {
    EngineChoiceOptions options;
    options.engine = "fused";
    options.threads = 1;
    return options;
  }

  void PollAndLoad() {
    ASSERT_OK(registry_.Poll());
    while (registry_.LoadNext()) {
    }
  }

  std::vector<int64_t> Loaded(const std::string& model = "model") {
    std::vector<int64_t> versions;
    const auto status = registry_.Describe(model);
    if (!status.ok()) return versions;
    for (const VersionStatus& version : status->versions) {
      if (version.servable != nullptr) versions.push_back(version.version);
    }
    return versions;
  }

  int64_t Serving(const std::string& model = "model") {
    const auto handle = registry_.Find(model, 0);
    return handle.ok() ? (*handle)->version() : 0;
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  ManualClock clock_;
  CountingObserver observer_;
  ServableLoader loader_;
  ModelRegistry registry_;
};

TEST_F(ModelRegistryTest, AnEmptyRepositoryIsReadyAndSaysWhatThereIs) {
  EXPECT_FALSE(registry_.Ready());
  EXPECT_THAT(registry_.Find("hopper", 0), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  PollAndLoad();
  EXPECT_TRUE(registry_.Ready());
  EXPECT_THAT(registry_.Find("hopper", 0),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("model \"hopper\" is not in the repository; models: none")));
}

TEST_F(ModelRegistryTest, AnUnreadableRepositoryIsAnErrorAndLoadedVersionsGoOn) {
  repository_.Publish("model", 1);
  PollAndLoad();
  const std::filesystem::path away = folder_.path().string() + "-away";
  std::filesystem::rename(folder_.path(), away);
  EXPECT_THAT(registry_.Poll(), StatusIs(absl::StatusCode::kNotFound, HasSubstr("")));
  EXPECT_EQ(Serving(), 1);
  std::filesystem::rename(away, folder_.path());
  EXPECT_OK(registry_.Poll());
}

TEST_F(ModelRegistryTest, TheNewestGoodVersionServesAndTwoStayLoaded) {
  for (uint64_t seed = 1; seed <= 3; ++seed) repository_.Publish("model", seed);
  ASSERT_OK(registry_.Poll());
  EXPECT_FALSE(registry_.Ready()) << "the newest has no verdict yet";
  EXPECT_THAT(registry_.Find("model", 0),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("model has no good version yet")));
  while (registry_.LoadNext()) {
  }
  EXPECT_TRUE(registry_.Ready());
  EXPECT_EQ(Serving(), 3);
  EXPECT_THAT(Loaded(), ElementsAre(3, 2));
  EXPECT_THAT(registry_.Find("model", 1),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("model has no version 1 loaded; loaded versions: 2, 3")));
}

TEST_F(ModelRegistryTest, ANewVersionIsSwappedInAndAHandleKeepsTheOldOne) {
  repository_.Publish("model", 1);
  repository_.Publish("model", 2);
  PollAndLoad();
  ASSERT_OK_AND_ASSIGN(ServableHandle pinned, registry_.Find("model", 0));
  repository_.Publish("model", 3);
  repository_.Publish("model", 4);
  PollAndLoad();
  EXPECT_EQ(Serving(), 4);
  EXPECT_THAT(Loaded(), ElementsAre(4, 3));
  EXPECT_EQ(pinned->version(), 2);
  EXPECT_THAT(RolloutOnce(*pinned), IsOk()) << "requests in flight finish on their version";
  const std::weak_ptr<Servable> old = pinned;
  pinned.reset();
  registry_.WaitUntilUnloaded();
  EXPECT_TRUE(old.expired());
}

TEST_F(ModelRegistryTest, AVersionThatARequestNamedLingers) {
  for (uint64_t seed = 1; seed <= 2; ++seed) repository_.Publish("model", seed);
  PollAndLoad();
  ASSERT_OK(registry_.Find("model", 1));
  for (uint64_t seed = 3; seed <= 4; ++seed) repository_.Publish("model", seed);
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1)) << "2 was not named";
  clock_.Advance(absl::Seconds(59));
  ASSERT_OK(registry_.Find("model", 1));
  clock_.Advance(absl::Seconds(59));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1));
  clock_.Advance(absl::Seconds(2));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3));
}

TEST_F(ModelRegistryTest, AVersionStaysLoadedWhileARequestThatNamedItIsUnderWay) {
  for (uint64_t seed = 1; seed <= 2; ++seed) repository_.Publish("model", seed);
  PollAndLoad();
  ASSERT_OK_AND_ASSIGN(ServableHandle under_way, registry_.Find("model", 1));
  for (uint64_t seed = 3; seed <= 4; ++seed) repository_.Publish("model", seed);
  clock_.Advance(absl::Hours(1));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1));
  under_way.reset();
  clock_.Advance(absl::Seconds(59));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1)) << "counted from the request's end";
  clock_.Advance(absl::Seconds(2));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3));
}

TEST_F(ModelRegistryTest, AStreamKeepsItsVersionsLoadedThoughItNamedNone) {
  repository_.Publish("model", 1);
  PollAndLoad();
  std::optional<StreamVersions> stream(std::in_place, &registry_);
  ASSERT_OK(stream->Find("model", {}));
  for (uint64_t seed = 2; seed <= 4; ++seed) repository_.Publish("model", seed);
  clock_.Advance(absl::Hours(1));
  PollAndLoad();
  EXPECT_EQ(Serving(), 4);
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1));
  stream.reset();
  clock_.Advance(absl::Seconds(61));
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(4, 3));
}

TEST_F(ModelRegistryTest, ABadVersionIsQuarantinedOnceAndTheGoodOneGoesOn) {
  repository_.Publish("model", 1);
  repository_.Publish("model", 2);
  repository_.Damage("model", 2);
  PollAndLoad();
  EXPECT_TRUE(registry_.Ready());
  EXPECT_EQ(Serving(), 1);
  EXPECT_EQ(observer_.bad(), 1);
  EXPECT_THAT(registry_.Find("model", 2),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("version 2 is quarantined: "), HasSubstr("weights"))));
  PollAndLoad();
  PollAndLoad();
  EXPECT_EQ(observer_.bad(), 1) << "never retried until it changes";
  repository_.Publish("model", 3);
  PollAndLoad();
  EXPECT_EQ(Serving(), 3);
  EXPECT_THAT(Loaded(), ElementsAre(3, 1));
}

TEST_F(ModelRegistryTest, AVersionThatMayNotBeOpenedIsABadOne) {
  repository_.Publish("model", 1);
  const TemporaryDirectory outside;
  std::filesystem::rename(folder_ / "model/1", outside / "moved");
  std::filesystem::create_directory_symlink(outside / "moved", folder_ / "model/1");
  for (int poll = 0; poll < 3; ++poll) PollAndLoad();
  EXPECT_EQ(observer_.bad(), 1) << "looked at once, until it changes";
  ASSERT_OK_AND_ASSIGN(const ModelStatus status, registry_.Describe("model"));
  ASSERT_EQ(status.versions.size(), 1u);
  EXPECT_EQ(status.versions[0].state, VersionState::kQuarantined);
  EXPECT_THAT(status.versions[0].reason, HasSubstr("outside"));
}

TEST_F(ModelRegistryTest, AModelWithOnlyBadVersionsIsShownWithItsReason) {
  repository_.Publish("model", 1);
  repository_.Damage("model", 1);
  PollAndLoad();
  EXPECT_TRUE(registry_.Ready());
  EXPECT_THAT(registry_.Find("model", 0),
              StatusIs(absl::StatusCode::kNotFound,
                       AllOf(HasSubstr("model has no good version"), HasSubstr("quarantined"))));
  ASSERT_OK_AND_ASSIGN(const ModelStatus status, registry_.Describe("model"));
  ASSERT_EQ(status.versions.size(), 1u);
  EXPECT_EQ(status.versions[0].state, VersionState::kQuarantined);
  EXPECT_THAT(status.versions[0].reason, HasSubstr("weights"));
}

TEST_F(ModelRegistryTest, ACopyInPlaceIsRetriedOnceItsFilesAreStill) {
  repository_.Publish("model", 1);
  // A publisher that copies file by file: the weights come late.
  const std::filesystem::path version = folder_.path() / "model" / "1";
  const std::filesystem::path held = folder_.path() / ".held";
  std::filesystem::rename(version / "weights.safetensors", held);
  PollAndLoad();
  EXPECT_EQ(Serving(), 0);
  EXPECT_EQ(observer_.bad(), 1);
  std::filesystem::rename(held, version / "weights.safetensors");
  PollAndLoad();
  EXPECT_EQ(observer_.bad(), 1) << "just changed: not still yet";
  PollAndLoad();
  EXPECT_EQ(Serving(), 1);
}

TEST_F(ModelRegistryTest, AVanishedVersionUnloadsAndAnOlderOneReturns) {
  for (uint64_t seed = 1; seed <= 3; ++seed) repository_.Publish("model", seed);
  PollAndLoad();
  std::filesystem::remove_all(folder_.path() / "model" / "3");
  PollAndLoad();
  EXPECT_EQ(Serving(), 2);
  EXPECT_THAT(Loaded(), ElementsAre(2, 1));
  std::filesystem::remove_all(folder_.path() / "model");
  PollAndLoad();
  EXPECT_THAT(registry_.Describe(), IsEmpty());
}

TEST_F(ModelRegistryTest, AVersionThatDisagreesIsQuarantined) {
  repository_.Publish("model", 1);
  PollAndLoad();
  TransitionModelSpec other = TestRepository::Spec("model");
  other.transition_dt *= 2;
  repository_.Publish(other, 2);
  PollAndLoad();
  EXPECT_EQ(Serving(), 1);
  EXPECT_THAT(registry_.Find("model", 2),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("transition_dt: got")));
}

TEST_F(ModelRegistryTest, AVersionThatMissesItsGoldenSetIsQuarantined) {
  repository_.PublishWithWrongGolden("model");
  PollAndLoad();
  EXPECT_THAT(registry_.Find("model", 0),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("golden")));
}

TEST_F(ModelRegistryTest, ModelsAreIndependent) {
  repository_.Publish("alpha", 1);
  repository_.Publish("beta", 2);
  repository_.Damage("beta", 1);
  PollAndLoad();
  EXPECT_EQ(Serving("alpha"), 1);
  EXPECT_EQ(Serving("beta"), 0);
  EXPECT_THAT(registry_.Find("gamma", 0),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("models: alpha, beta")));
}

std::vector<std::string> SeriesOf(const std::vector<prometheus::MetricFamily>& families) {
  std::vector<std::string> series;
  for (const auto& family : families) {
    for (const auto& metric : family.metric) {
      std::string text = family.name + "{";
      for (const auto& label : metric.label) text += label.name + "=" + label.value + ",";
      series.push_back(text + "}");
    }
  }
  return series;
}

TEST_F(ModelRegistryTest, AVersionsSeriesGoWhenItUnloads) {
  repository_.Publish("model", 1);
  PollAndLoad();
  const RegistryCollector collector(&registry_);
  EXPECT_THAT(SeriesOf(collector.Collect()),
              AllOf(Contains("rollout_transitions_total{model=model,version=1,}"),
                    Contains("rollout_phase_duration_seconds{model=model,version=1,phase=queue,}"),
                    Contains("rollout_model_state{model=model,version=1,state=READY,}"),
                    Contains("rollout_model_info{model=model,version=1,kind=NODE_SO,engine=fused,"
                             "device=cpu,fallback_reason=,}")));
  repository_.Publish("model", 2);
  repository_.Publish("model", 3);
  PollAndLoad();
  const std::vector<std::string> series = SeriesOf(collector.Collect());
  EXPECT_THAT(series, Contains("rollout_transitions_total{model=model,version=3,}"));
  EXPECT_THAT(series, Contains("rollout_model_state{model=model,version=1,state=UNLOADED,}"));
  EXPECT_THAT(series, testing::Not(Contains("rollout_transitions_total{model=model,version=1,}")));
}

TEST_F(ModelRegistryTest, QueriesNeverFailWhileVersionsComeAndGo) {
  constexpr int kPublications = 30;
  repository_.Publish("model", 1);
  PollAndLoad();
  std::atomic<bool> done{false};
  std::atomic<int> failed{0};
  std::atomic<int> answered{0};
  std::atomic<int64_t> highest{0};
  {
    const RepositoryWatcher watcher(&registry_, absl::Milliseconds(1));
    std::vector<std::thread> callers;
    for (int i = 0; i < 2; ++i) {
      callers.emplace_back([&] {
        while (!done) {
          const auto handle = registry_.Find("model", 0);
          if (!handle.ok() || !RolloutOnce(**handle).ok()) ++failed;
          if (handle.ok()) {
            int64_t seen = highest;
            while (seen < (*handle)->version() &&
                   !highest.compare_exchange_weak(seen, (*handle)->version())) {
            }
          }
          ++answered;
        }
      });
    }
    for (int seed = 2; seed <= kPublications; ++seed) {
      repository_.Publish("model", seed);
      if (seed % 5 == 0) repository_.Damage("model", seed);
    }
    repository_.Publish("model", 1);
    while (highest < kPublications + 1) std::this_thread::yield();
    done = true;
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 0);
  EXPECT_EQ(Serving(), kPublications + 1);
}

}  // namespace
}  // namespace rollout
