#include "tests/trials/faults/fault.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/client.h"

namespace rollout {
namespace {

constexpr QueryShape kShape = {4, 20};
constexpr absl::Duration kDeadline = absl::Minutes(10);  // a machine that stands still is no fault

// Files are closed when the server learns that a connection is gone.
constexpr absl::Duration kUntilSettled = absl::Seconds(15);

constexpr int kLooks = 5;
constexpr absl::Duration kBetweenLooks = absl::Milliseconds(100);

// What is allocated at a moment differs by what happens to be in flight.
constexpr double kInFlightMegabytes = 0.5;

// What a server holds when the clients of a round are gone.
struct Held {
  ProcessResources resources;
  double heap_megabytes = 0;
};

absl::StatusOr<Held> HeldBy(TrialScene& scene) {
  const auto resources = scene.server().Resources();
  if (!resources.ok()) return resources.status();
  return Held{*resources, scene.server().Metric("process_heap_bytes") / 1e6};
}

// Looks several times and takes the least: for a moment the server has the folders open that it
// looks at, too, and requests in flight take memory.
absl::StatusOr<Held> Settled(TrialScene& scene, int open_files) {
  absl::SleepFor(kCalm);
  absl::StatusOr<Held> held = HeldBy(scene);
  const auto look = [&] {
    const auto now = HeldBy(scene);
    if (!held.ok() || !now.ok()) return;
    held->resources.open_files = std::min(held->resources.open_files, now->resources.open_files);
    held->heap_megabytes = std::min(held->heap_megabytes, now->heap_megabytes);
  };
  for (int i = 0; i < kLooks; ++i) {
    absl::SleepFor(kBetweenLooks);
    look();
  }
  (void)WaitUntil(
      "connections are closed",
      [&] {
        look();
        return !held.ok() || held->resources.open_files <= open_files;
      },
      kUntilSettled);
  return held;
}

// Resident memory is told only: malloc keeps what it once had, and that is the most of what random
// moments asked for.
void JudgeResources(const Held& before, const std::vector<Held>& after, Judgements* judgements) {
  const Held& last = after.back();
  const Held& half = after[(after.size() - 1) / 2];
  judgements->AtMost("open files afterwards, over those before",
                     last.resources.open_files - before.resources.open_files, 0);
  judgements->AtMost("threads after the last round, over those after half of them",
                     last.resources.threads - half.resources.threads, 2);
  for (const Held& held : after) {
    judgements->Tell("after a round: resident memory", held.resources.resident_bytes / 1e6, " MB");
  }
  judgements->Tell("allocated before", before.heap_megabytes, " MB");
  judgements->Tell("allocated after half of the rounds", half.heap_megabytes, " MB");
  if (after.size() >= 4) {
    judgements->AtMost("allocated after the last round, over that",
                       last.heap_megabytes - half.heap_megabytes, kInFlightMegabytes, " MB");
  } else {
    judgements->Tell("allocated after the last round", last.heap_megabytes, " MB");
  }
}

// Empty where the server runs; a signal that somebody sent stands in the log, a crash does not.
std::string HowItEnded(TrialScene& scene) {
  const auto status = scene.server().process().Wait(absl::ZeroDuration());
  if (!status.has_value()) return "";
  const std::string log = scene.server().Log();
  return absl::StrCat("exit status ", *status, "; its last words: ",
                      log.substr(log.size() - std::min<size_t>(log.size(), 2000)));
}

}  // namespace

absl::Status PublishAndWait(TrialScene& scene) {
  const auto version = scene.publisher().Publish();
  if (!version.ok()) return version.status();
  const auto client = Client::Connect(scene.server().address());
  if (!client.ok()) return client.status();
  const std::string model = scene.publisher().spec().name;
  return WaitUntil(absl::StrCat("version ", *version, " is served"), [&] {
    const auto served = (*client)->GetModel(model);
    return served.ok() && served->serving_version() >= static_cast<uint64_t>(*version);
  });
}

absl::Status Endure(const Fault& fault, Judgements* judgements) {
  judgements->Begin(fault.name);
  const auto started = TrialScene::Start(fault.scene);
  if (!started.ok()) return started.status();
  TrialScene& scene = **started;
  absl::Status asking =
      scene.StartAsking({.shape = kShape, .rate = 25, .clients = 2, .deadline = kDeadline});
  if (!asking.ok()) return asking;
  absl::SleepFor(kCalm);
  const auto before = HeldBy(scene);
  if (!before.ok()) return before.status();

  std::vector<Held> after;
  for (int round = 0; round < fault.rounds; ++round) {
    absl::Status done = fault.round(scene);
    judgements->Holds(absl::StrCat("round ", round + 1), done.ok(),
                      done.ok() ? "" : done.ToString());
    if (!done.ok()) break;
    const auto held = Settled(scene, before->resources.open_files);
    if (!held.ok()) break;
    after.push_back(*held);
  }
  absl::SleepFor(kCalm);
  judgements->Holds("the server lives", scene.server().running(), HowItEnded(scene));
  if (!scene.server().running()) return absl::OkStatus();
  if (fault.finish != nullptr) {
    if (absl::Status finished = fault.finish(scene, judgements); !finished.ok()) return finished;
  }
  if (!after.empty()) JudgeResources(*before, after, judgements);
  const auto records = scene.FinishAsking();
  if (!records.ok()) return records.status();
  RightAnswers right(scene.publisher().spec(), kShape);
  judgements->Tell("p99 of the others", LatencyPercentile(*records, 0.99), " ms");
  return scene.JudgeAnswers(*records, &right, judgements);
}

absl::Status RunFaults(const FaultsOptions& options, Judgements* judgements) {
  using Run = absl::Status (*)(const FaultsOptions&, Judgements*);
  const std::vector<std::pair<std::string, Run>> faults = {
      {"killed-clients", EndureKilledClients}, {"killed-publishers", EndureKilledPublishers},
      {"full-disk", EndureFullDisk},           {"vanished-repository", EndureVanishedRepository},
      {"clock-steps", EndureClockSteps},       {"many-connections", EndureManyConnections},
      {"slow-readers", EndureSlowReaders},     {"half-open", EndureHalfOpenConnections},
  };
  const bool known = options.only.empty() ||
                     std::any_of(faults.begin(), faults.end(),
                                 [&](const auto& fault) { return fault.first == options.only; });
  if (!known) {
    return absl::InvalidArgumentError(absl::StrCat("--only: got ", options.only,
                                                   ", expected killed-clients, killed-publishers, "
                                                   "full-disk, vanished-repository, clock-steps, "
                                                   "many-connections, slow-readers or half-open"));
  }
  for (const auto& [name, run] : faults) {
    if (!options.only.empty() && name != options.only) continue;
    if (absl::Status status = run(options, judgements); !status.ok()) {
      judgements->Begin(name);
      judgements->Holds("it ran to its end", false, status.ToString());
    }
  }
  return absl::OkStatus();
}

}  // namespace rollout
