// What a stranger writes into a repository, and a configuration that names what it does not hold.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "server/metrics/registry_collector.h"
#include "server/registry/model_registry.h"
#include "server/registry/servable_loader.h"
#include "tests/server/test_repository.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

class Silent final : public RegistryObserver {
 public:
  void LoadFinished(const std::string&, const absl::Status&, const GateVerdicts&) override {}
  void Changed() override {}
};

class RegistryStrangersTest : public testing::Test {
 protected:
  RegistryStrangersTest() : repository_(folder_.path()), logger_(spdlog::default_logger()) {
    spdlog::set_default_logger(std::make_shared<spdlog::logger>(
        "test", std::make_shared<spdlog::sinks::ostream_sink_mt>(log_)));
    spdlog::set_pattern("%v");
    repository_.Publish("model", 1);
    repository_.Publish("model", 2);
  }
  ~RegistryStrangersTest() override { spdlog::set_default_logger(logger_); }

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
               GateVerdicts* gates) { return loader_->Load(model, version, oldest, gates); },
        &clock_, &observer_);
    ASSERT_OK(registry_->Poll());
    while (registry_->LoadNext()) {
    }
  }
  // The log's lines that begin with `event`.
  std::vector<std::string> Lines(const std::string& event) {
    std::vector<std::string> lines;
    std::istringstream text(log_.str());
    for (std::string line; std::getline(text, line);) {
      if (line.rfind("event=" + event, 0) == 0) lines.push_back(line);
    }
    return lines;
  }

  TemporaryDirectory folder_;
  TestRepository repository_;
  const std::shared_ptr<spdlog::logger> logger_;
  std::ostringstream log_;
  SteadyClock clock_;
  Silent observer_;
  std::unique_ptr<ServableLoader> loader_;
  std::unique_ptr<ModelRegistry> registry_;
};

TEST_F(RegistryStrangersTest, AFilesNameNeitherBreaksTheLogNorForgesALine) {
  WriteFile(folder_ / "model" / "2" / "un\nevent=forged \"listed", "");
  Start();
  ASSERT_OK_AND_ASSIGN(const ModelStatus model, registry_->Describe("model"));
  ASSERT_EQ(model.versions[0].state, VersionState::kQuarantined);
  EXPECT_THAT(model.versions[0].reason, HasSubstr("un\\x0aevent=forged"));
  EXPECT_THAT(model.versions[0].reason, Not(HasSubstr("\n")));
  for (const GateVerdict& gate : model.versions[0].gates) {
    EXPECT_THAT(gate.detail, Not(HasSubstr("\n")));
  }
  EXPECT_THAT(Lines("forged"), ElementsAre());
  const std::vector<std::string> refusals = Lines("version_quarantined");
  ASSERT_EQ(refusals.size(), 1u);
  EXPECT_EQ(std::count(refusals[0].begin(), refusals[0].end(), '"'), 2) << refusals[0];
}

TEST_F(RegistryStrangersTest, LabelsOfTheConfigurationWithoutAVersionAreSaidOnceAndNotExported) {
  repository_.Damage("model", 2);
  OverridesByModel overrides;
  ASSERT_OK(ParseLabels("stable=model:1,canary=model:2,lost=model:9,other=walker:1", &overrides));
  Start(overrides);
  ASSERT_OK(registry_->Poll());
  EXPECT_THAT(Lines("label_without_version"),
              ElementsAre("event=label_without_version label=lost model=model version=9",
                          "event=label_without_version label=other model=walker version=1"));
  std::vector<std::string> exported;
  for (const auto& family : RegistryCollector(registry_.get()).Collect()) {
    if (family.name != "rollout_model_label") continue;
    for (const auto& metric : family.metric) exported.push_back(metric.label.at(0).value);
  }
  EXPECT_THAT(exported, ElementsAre("stable"));
}

}  // namespace
}  // namespace rollout
