// What an operator does to a registry: labels, pins, loads and unloads; and a storage that goes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "server/registry/model_registry.h"
#include "server/registry/servable_loader.h"
#include "tests/server/test_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

class NoObserver final : public RegistryObserver {
 public:
  void LoadFinished(const std::string&, const absl::Status& verdict, const GateVerdicts&) override {
    verdicts.push_back(verdict);
  }
  void Changed() override {}
  std::vector<absl::Status> verdicts;
};

class RegistryOperationsTest : public testing::Test {
 protected:
  RegistryOperationsTest() : repository_(folder_.path()) {
    for (uint64_t seed = 1; seed <= 4; ++seed) repository_.Publish("model", seed);
  }

  void Start(OverridesByModel overrides = {}) {
    EngineChoiceOptions engine;
    engine.engine = "fused";
    engine.threads = 1;
    loader_ = std::make_unique<ServableLoader>(
        ServableLoaderOptions{repository_.path(), engine, BatchLimits(), {}, {}},
        MakeEngineModuleFinder(""), &clock_);
    registry_ = std::make_unique<ModelRegistry>(
        RegistryOptions{repository_.path(), VersionPolicy(), std::move(overrides)},
        [this](const std::string& model, int64_t version, const Servable* oldest,
               GateVerdicts* gates) {
          if (before_load_) before_load_();
          return loader_->Load(model, version, oldest, gates);
        },
        &clock_, &observer_);
    PollAndLoad();
  }

  void LoadAll() {
    while (registry_->LoadNext()) {
    }
  }
  void PollAndLoad() {
    ASSERT_OK(registry_->Poll());
    LoadAll();
  }

  std::vector<int64_t> Loaded() {
    std::vector<int64_t> versions;
    const auto status = registry_->Describe("model");
    if (!status.ok()) return versions;
    for (const VersionStatus& version : status->versions) {
      if (version.servable != nullptr) versions.push_back(version.version);
    }
    return versions;
  }
  int64_t Found(const VersionChoice& choice) {
    const auto handle = registry_->Find("model", choice);
    return handle.ok() ? (*handle)->version() : 0;
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  SteadyClock clock_;
  NoObserver observer_;
  std::function<void()> before_load_;
  std::unique_ptr<ServableLoader> loader_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(RegistryOperationsTest, LabelsOfTheConfigurationKeepTheirVersionsLoaded) {
  OverridesByModel overrides;
  ASSERT_OK(ParseLabels("stable=model:1,canary=model:4", &overrides));
  Start(overrides);
  EXPECT_THAT(Loaded(), ElementsAre(4, 3, 1));
  EXPECT_EQ(Found({0, "stable"}), 1);
  EXPECT_EQ(Found({0, "canary"}), 4);
  EXPECT_EQ(Found({}), 4);
  EXPECT_THAT(registry_->Find("model", {0, "beta"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("labels: canary, stable")));
  EXPECT_THAT(registry_->Find("model", {1, "stable"}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("at most one")));
}

TEST_F(RegistryOperationsTest, ALabelWhoseVersionIsBadSaysSo) {
  repository_.Damage("model", 4);
  OverridesByModel overrides;
  ASSERT_OK(ParseLabels("canary=model:4,lost=model:9", &overrides));
  Start(overrides);
  EXPECT_THAT(registry_->Find("model", {0, "canary"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("version 4 is quarantined")));
  EXPECT_THAT(registry_->Find("model", {0, "lost"}),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no version 9 loaded")));
}

TEST_F(RegistryOperationsTest, LabelsMoveOnlyToLoadedVersions) {
  Start();
  ASSERT_OK(registry_->SetLabel("model", "stable", 3));
  EXPECT_EQ(Found({0, "stable"}), 3);
  EXPECT_THAT(registry_->SetLabel("model", "stable", 1),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       AllOf(HasSubstr("UNLOADED"), HasSubstr("expected READY"))));
  EXPECT_THAT(registry_->SetLabel("model", "stable", 9),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("versions: 1, 2, 3, 4")));
  EXPECT_THAT(registry_->SetLabel("model", "9", 3),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("label")));
  EXPECT_EQ(Found({0, "stable"}), 3) << "a refused move changes nothing";
  repository_.Publish("model", 5);
  repository_.Publish("model", 6);
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(6, 5, 3)) << "what carries a label stays";
  ASSERT_OK(registry_->SetLabel("model", "stable", 0));
  EXPECT_THAT(Loaded(), ElementsAre(6, 5));
}

TEST_F(RegistryOperationsTest, OnlyTheServedVersionsAreLoaded) {
  OverridesByModel overrides;
  ASSERT_OK(ParseServedVersions("model:1,model:3", &overrides));
  Start(overrides);
  EXPECT_THAT(Loaded(), ElementsAre(3, 1));
  EXPECT_EQ(Found({}), 3);
  repository_.Publish("model", 5);
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre(3, 1));
}

TEST_F(RegistryOperationsTest, ReadyAwaitsTheNewestVersionThatIsToBeLoaded) {
  OverridesByModel overrides;
  ASSERT_OK(ParseServedVersions("model:1,model:3", &overrides));
  std::vector<bool> ready;
  before_load_ = [&] { ready.push_back(registry_->Ready()); };
  Start(overrides);
  EXPECT_THAT(ready, ElementsAre(false, false)) << "3 is loaded after 1 and has no verdict yet";
  EXPECT_TRUE(registry_->Ready()) << "nobody waits for 4, which is never loaded";
}

TEST_F(RegistryOperationsTest, AModelOfWhichNothingIsToBeLoadedKeepsNobodyWaiting) {
  OverridesByModel overrides;
  ASSERT_OK(ParseServedVersions("model:9", &overrides));
  Start(overrides);
  EXPECT_THAT(Loaded(), ElementsAre());
  EXPECT_TRUE(registry_->Ready());
}

TEST_F(RegistryOperationsTest, AnUnloadBeforeTheVerdictDoesNotKeepTheServerFromBeingReady) {
  std::vector<bool> ready;
  before_load_ = [&] {
    ready.push_back(registry_->Ready());
    EXPECT_OK(registry_->Unload("model", 4));
    ready.push_back(registry_->Ready());
    before_load_ = nullptr;
  };
  Start();
  EXPECT_THAT(ready, ElementsAre(false, true));
  EXPECT_THAT(Loaded(), ElementsAre(3, 2));
  EXPECT_TRUE(registry_->Ready());
}

TEST_F(RegistryOperationsTest, APinnedVersionServesUntilItIsUnpinned) {
  Start();
  ASSERT_OK(registry_->Pin("model", 3));
  repository_.Publish("model", 5);
  repository_.Publish("model", 6);
  PollAndLoad();
  EXPECT_EQ(Found({}), 3);
  EXPECT_THAT(Loaded(), ElementsAre(6, 5, 3));
  ASSERT_OK(registry_->Pin("model", 0));
  EXPECT_EQ(Found({}), 6);
  EXPECT_THAT(registry_->Pin("model", 1),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("load it first")));
}

TEST_F(RegistryOperationsTest, UnloadedVersionsStayUnloadedUntilLoaded) {
  Start();
  ASSERT_OK_AND_ASSIGN(const ServableHandle in_flight, registry_->Find("model", 4));
  ASSERT_OK(registry_->Unload("model", 4));
  LoadAll();
  EXPECT_THAT(Loaded(), ElementsAre(3, 2)) << "an older one takes its place";
  EXPECT_THAT(RolloutOnce(*in_flight), IsOk());
  EXPECT_THAT(registry_->Find("model", 4),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("operator has unloaded")));
  ASSERT_OK(registry_->Unload("model", 0));
  repository_.Publish("model", 5);
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre());
  EXPECT_THAT(registry_->Find("model", 0),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("operator has unloaded")));
  ASSERT_OK(registry_->Load("model", 1));
  LoadAll();
  EXPECT_THAT(Loaded(), ElementsAre(1)) << "by name, though the model is unloaded";
  ASSERT_OK(registry_->Load("model", 0));
  LoadAll();
  EXPECT_THAT(Loaded(), ElementsAre(5, 4, 1));
  EXPECT_THAT(registry_->Load("model", 9), StatusIs(absl::StatusCode::kNotFound, HasSubstr("9")));
  EXPECT_THAT(registry_->Load("ant", 0), StatusIs(absl::StatusCode::kNotFound, HasSubstr("ant")));
}

TEST_F(RegistryOperationsTest, LoadTriesAQuarantinedVersionAgain) {
  repository_.Damage("model", 4);
  Start();
  EXPECT_EQ(Found({}), 3);
  const size_t before = observer_.verdicts.size();
  ASSERT_OK(registry_->Load("model", 4));
  LoadAll();
  EXPECT_EQ(observer_.verdicts.size(), before + 1);
  EXPECT_EQ(Found({}), 3);
}

TEST_F(RegistryOperationsTest, AnUnmountedStorageUnloadsNothing) {
  Start();
  const std::filesystem::path away = folder_.path().string() + "-away";
  std::filesystem::rename(folder_.path(), away);
  std::filesystem::create_directory(folder_.path());  // the bare mount point
  EXPECT_THAT(registry_->Poll(),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("is the storage mounted?")));
  EXPECT_THAT(Loaded(), ElementsAre(4, 3));
  EXPECT_EQ(Found({}), 4);
  EXPECT_THAT(registry_->looks().last, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("")));
  std::filesystem::remove(folder_.path());
  std::filesystem::rename(away, folder_.path());
  repository_.Publish("model", 5);
  PollAndLoad();
  EXPECT_EQ(Found({}), 5);
  // The same folder emptied is no lost mount.
  std::filesystem::remove_all(folder_.path() / "model");
  PollAndLoad();
  EXPECT_THAT(Loaded(), ElementsAre());
}

TEST_F(RegistryOperationsTest, AVersionWhoseStorageGoesDuringItsLoadIsNoBadVersion) {
  const std::filesystem::path away = folder_.path().string() + "-away";
  Start();
  repository_.Publish("model", 5);
  ASSERT_OK(registry_->Poll());
  before_load_ = [&] { std::filesystem::rename(folder_.path(), away); };
  const size_t before = observer_.verdicts.size();
  EXPECT_TRUE(registry_->LoadNext());
  before_load_ = nullptr;
  EXPECT_EQ(observer_.verdicts.size(), before) << "no verdict on what could not be read";
  EXPECT_EQ(Found({}), 4);
  std::filesystem::rename(away, folder_.path());
  PollAndLoad();
  EXPECT_EQ(Found({}), 5);
}

}  // namespace
}  // namespace rollout
