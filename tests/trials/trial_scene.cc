#include "tests/trials/trial_scene.h"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/installation.h"

namespace rollout {
namespace {

constexpr absl::Duration kClientPatience = absl::Seconds(90);

}  // namespace

absl::StatusOr<std::unique_ptr<TrialScene>> TrialScene::Start(const SceneOptions& options) {
  std::unique_ptr<TrialScene> scene(new TrialScene());
  const auto spec = TrialSpec(options.model);
  if (!spec.ok()) return spec.status();
  ServerProcessOptions server = options.server;
  server.repository = options.repository.empty() ? scene->path("models") : options.repository;
  server.folder = scene->folder_.path().string();
  std::filesystem::create_directories(server.repository);
  scene->publisher_ = std::make_unique<TrialPublisher>(server.repository, *spec);
  if (auto version = scene->publisher_->Publish(); !version.ok()) return version.status();
  auto started = ServerProcess::Start(server);
  if (!started.ok()) return started.status();
  scene->server_ = *std::move(started);
  return scene;
}

absl::StatusOr<std::unique_ptr<ChildProcess>> TrialScene::StartClient(
    const std::string& name, const std::string& command, const std::vector<std::string>& arguments,
    const std::vector<std::string>& prefix) {
  const auto own = ExecutableFolder();
  if (!own) return absl::NotFoundError("the system does not say where this program lies");
  std::vector<std::string> words = prefix;
  words.insert(words.end(), {(*own / "rollout-trials").string(), command, "--server",
                             server_->address(), "--model", publisher_->spec().name});
  words.insert(words.end(), arguments.begin(), arguments.end());
  return ChildProcess::Start(words, {.log = path(name + ".log")});
}

std::string TrialScene::LogOf(const std::string& name) const {
  std::ifstream file(path(name + ".log"));
  return std::string((std::istreambuf_iterator<char>(file)), {});
}

absl::Status TrialScene::WaitForLog(const std::string& name, const std::string& text,
                                    ChildProcess* client) {
  absl::Status waited = WaitUntil(absl::StrCat(name, " prints ", text), [&] {
    return absl::StrContains(LogOf(name), text) || !client->running();
  });
  if (!waited.ok()) return waited;
  if (absl::StrContains(LogOf(name), text)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(name, " has ended: ", LogOf(name)));
}

absl::Status TrialScene::StartAsking(const AskingOptions& options) {
  for (int i = 0; i < options.clients; ++i) {
    const std::string name = absl::StrCat("ask-", asked_.size());
    std::vector<std::string> arguments = {
        "--lanes",     absl::StrCat(options.shape.lanes),
        "--horizon",   absl::StrCat(options.shape.horizon),
        "--rate",      absl::StrCat(options.rate),
        "--in-flight", absl::StrCat(options.in_flight),
        "--deadline",  absl::StrCat(absl::ToDoubleSeconds(options.deadline)),
        "--seed",      absl::StrCat(asked_.size() + 1),
        "--out",       path(name + ".requests")};
    const bool endless = options.duration == absl::InfiniteDuration();
    if (!endless) {
      arguments.insert(arguments.end(),
                       {"--seconds", absl::StrCat(absl::ToDoubleSeconds(options.duration))});
    }
    auto client = StartClient(name, "ask", arguments);
    if (!client.ok()) return client.status();
    asking_.push_back({name, endless, *std::move(client)});
    asked_.push_back(name);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<RequestRecord>> TrialScene::FinishAsking() {
  std::vector<std::string> logs;
  for (const Asking& asking : asking_) {
    if (asking.endless) asking.process->Signal(SIGTERM);
    logs.push_back(path(asking.name + ".requests"));
  }
  for (const Asking& asking : asking_) {
    // Where its time is not over yet it has that to go first.
    const auto status = asking.process->Wait(asking.endless ? kClientPatience : absl::Hours(2));
    if (status != 0) {
      return absl::UnavailableError(absl::StrCat(asking.name, ": exit status ", status.value_or(-1),
                                                 ": ", LogOf(asking.name)));
    }
  }
  asking_.clear();
  return ReadRequestLogs(logs);
}

std::string TrialScene::FirstMessages() const {
  std::string messages;
  for (const std::string& name : asked_) absl::StrAppend(&messages, LogOf(name));
  return messages;
}

absl::Status TrialScene::JudgeAnswers(const std::vector<RequestRecord>& records,
                                      RightAnswers* right, Judgements* judgements) const {
  const auto wrong = CountWrongAnswers(records, right);
  if (!wrong.ok()) return wrong.status();
  const int64_t failures = CountFailures(records);
  judgements->AtLeast("requests answered", static_cast<double>(records.size() - failures), 1);
  judgements->AtMost("failed requests", static_cast<double>(failures), 0);
  judgements->AtMost("wrong answers", static_cast<double>(*wrong), 0);
  if (failures > 0) judgements->Holds("why they failed", false, FirstMessages());
  return absl::OkStatus();
}

}  // namespace rollout
