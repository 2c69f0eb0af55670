// Clients killed with requests in flight, and publishers killed half-way.
#include <signal.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/clock.h"
#include "base/random.h"
#include "client/client.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/publish.h"
#include "tests/trials/faults/fault.h"

namespace rollout {
namespace {

namespace fs = std::filesystem;

constexpr int kVictims = 4;
constexpr int kKills = 5;  // of publishers in a round
constexpr QueryShape kHeavyShape = {1, 2};

absl::Status KillClients(TrialScene& scene, int* number, Random* random) {
  std::vector<std::unique_ptr<ChildProcess>> victims;
  const int first = *number;
  for (int i = 0; i < kVictims; ++i) {
    auto client = scene.StartClient(absl::StrCat("victim-", (*number)++), "stream",
                                    {"--lanes", "64", "--horizon", "400", "--in-flight", "8"});
    if (!client.ok()) return client.status();
    victims.push_back(*std::move(client));
  }
  for (int i = 0; i < kVictims; ++i) {
    const std::string name = absl::StrCat("victim-", first + i);
    if (absl::Status s = scene.WaitForLog(name, "streaming", victims[i].get()); !s.ok()) return s;
  }
  for (const std::unique_ptr<ChildProcess>& victim : victims) {
    absl::SleepFor(absl::Milliseconds(random->Uniform(0.0, 20.0)));
    victim->Signal(SIGKILL);
    victim->Wait(absl::InfiniteDuration());
  }
  return WaitUntil("the lanes of killed clients are freed",
                   [&] { return scene.server().Metric("rollout_queue_lanes") < 64; });
}

// Folders that a publisher has not finished.
int StagingFolders(const fs::path& model) {
  int count = 0;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(model, error)) {
    count += absl::StartsWith(entry.path().filename().string(), ".staging-") ? 1 : 0;
  }
  return count;
}

class KilledPublishers {
 public:
  // All publish the same weights, of seed 1, from a folder of their own.
  absl::Status Prepare(const TransitionModelSpec& spec) {
    spec_ = spec;
    fs::create_directory(source_ / "fits");
    return PublishCheckpoint((source_ / "fits").string(), TrialContent(spec, 1), RealClock())
        .status();
  }

  absl::Status Round(TrialScene& scene) {
    const fs::path model = fs::path(scene.publisher().repository()) / spec_.name;
    for (int kill = 0; kill < kKills; ++kill) {
      const int before = StagingFolders(model);
      const auto publisher = ChildProcess::Start(Command(scene));
      if (!publisher.ok()) return publisher.status();
      absl::Status waited = WaitUntil("the publisher writes", [&] {
        return StagingFolders(model) > before || !(*publisher)->running();
      });
      if (!waited.ok()) return waited;
      absl::SleepFor(absl::Milliseconds(random_.Uniform(0.0, 30.0)));
      (*publisher)->Signal(SIGKILL);
      (*publisher)->Wait(absl::InfiniteDuration());
      half_way_ += StagingFolders(model) > before ? 1 : 0;
      ++kills_;
    }
    if (absl::Status published = RunCommand(Command(scene)); !published.ok()) return published;
    return AnswersRight(scene, model);
  }

  absl::Status Finish(Judgements* judgements) const {
    judgements->Tell("publishers killed", kills_);
    judgements->AtLeast("of these half-way", half_way_, 1);
    return absl::OkStatus();
  }

 private:
  std::vector<std::string> Command(TrialScene& scene) const {
    return {BinFolder() + "/rollout-trainer",
            "publish",
            "--from",
            (source_ / "fits").string(),
            "--model",
            spec_.name,
            "--model-repository",
            scene.publisher().repository(),
            "--keep",
            "3"};
  }

  // Whatever has a number is whole, and the newest is served with the right answers.
  absl::Status AnswersRight(TrialScene& scene, const fs::path& model) {
    int64_t newest = 0;
    for (const auto& entry : fs::directory_iterator(model)) {
      const std::string name = entry.path().filename().string();
      if (name[0] == '.') continue;
      const int64_t version = std::stoll(name);
      const auto read = ReadCheckpoint(scene.publisher().repository(), spec_.name, version);
      if (!read.ok()) return read.status();
      newest = std::max(newest, version);
    }
    const auto client = Client::Connect(scene.server().address());
    if (!client.ok()) return client.status();
    absl::Status served = WaitUntil(absl::StrCat("version ", newest, " is served"), [&] {
      const auto status = (*client)->GetModel(spec_.name);
      return status.ok() && status->serving_version() == static_cast<uint64_t>(newest);
    });
    if (!served.ok()) return served;
    const auto answer = (*client)->Rollout(MakeTrialQueries(spec_, kHeavyShape)[0].arguments);
    if (!answer.ok()) return answer.status();
    RightAnswers right(spec_, kHeavyShape, [](uint64_t) { return 1; });
    const auto digest = right.DigestOf(answer->version(), 0);
    if (!digest.ok()) return digest.status();
    if (*digest == Digest(answer->final_state().values)) return absl::OkStatus();
    return absl::DataLossError(absl::StrCat("version ", newest, " answers wrongly"));
  }

  const TemporaryDirectory source_;
  TransitionModelSpec spec_;
  Random random_{1};
  int kills_ = 0;
  int half_way_ = 0;
};

}  // namespace

absl::Status EndureKilledClients(const FaultsOptions& options, Judgements* judgements) {
  Fault fault;
  fault.name = "killed-clients";
  fault.rounds = options.rounds;
  int number = 0;
  Random random(1);
  fault.round = [&](TrialScene& scene) { return KillClients(scene, &number, &random); };
  return Endure(fault, judgements);
}

absl::Status EndureKilledPublishers(const FaultsOptions& options, Judgements* judgements) {
  if (options.quick || !fs::exists(BinFolder() + "/rollout-trainer")) {
    judgements->Begin("killed-publishers");
    judgements->LeftOut(options.quick ? "it takes long" : "there is no rollout-trainer",
                        options.quick);
    return absl::OkStatus();
  }
  const auto spec = TrialSpec("heavy");
  if (!spec.ok()) return spec.status();
  KilledPublishers killed;
  if (absl::Status prepared = killed.Prepare(*spec); !prepared.ok()) return prepared;
  Fault fault;
  fault.name = "killed-publishers";
  fault.rounds = options.rounds;
  fault.round = [&](TrialScene& scene) { return killed.Round(scene); };
  fault.finish = [&](TrialScene&, Judgements* to) { return killed.Finish(to); };
  return Endure(fault, judgements);
}

}  // namespace rollout
