// Many connections, readers that stop reading, and peers that vanish without a word.
#include <signal.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/trials/faults/fault.h"

namespace rollout {
namespace {

constexpr int kReaders = 6;
constexpr absl::Duration kHeld = absl::Seconds(2);
constexpr absl::Duration kUnread = absl::Seconds(4);
// The server pings after 20 s and gives up after 10 s more.
constexpr absl::Duration kUntilNoticed = absl::Seconds(45);

// What the server holds at its worst, beside what it held before.
struct Peak {
  ProcessResources before, worst;

  absl::Status Look(TrialScene& scene) {
    const auto now = scene.server().Resources();
    if (!now.ok()) return now.status();
    worst.resident_bytes = std::max(worst.resident_bytes, now->resident_bytes);
    worst.open_files = std::max(worst.open_files, now->open_files);
    worst.threads = std::max(worst.threads, now->threads);
    return absl::OkStatus();
  }
};

// Clients that are told apart by a number, for their logs.
class NumberedClients {
 public:
  absl::Status Start(TrialScene& scene, const std::string& command,
                     const std::vector<std::string>& arguments, const std::string& ready, int count,
                     const std::vector<std::string>& prefix = {}) {
    for (int i = 0; i < count; ++i) {
      const std::string name = absl::StrCat(command, "-", number_++);
      auto client = scene.StartClient(name, command, arguments, prefix);
      if (!client.ok()) return client.status();
      running_.push_back(*std::move(client));
      names_.push_back(name);
    }
    for (size_t i = running_.size() - count; i < running_.size(); ++i) {
      absl::Status waited = scene.WaitForLog(names_[i], ready, running_[i].get());
      if (!waited.ok()) return waited;
    }
    return absl::OkStatus();
  }

  void Signal(int number) {
    for (const std::unique_ptr<ChildProcess>& client : running_) client->Signal(number);
  }
  absl::Status WaitForGoodEnd(TrialScene& scene) {
    for (size_t i = 0; i < running_.size(); ++i) {
      if (running_[i]->Wait(absl::Seconds(60)) == 0) continue;
      return absl::UnavailableError(
          absl::StrCat(names_[i], " ended badly: ", scene.LogOf(names_[i])));
    }
    Forget();
    return absl::OkStatus();
  }
  // Kills those that still run.
  void Forget() {
    running_.clear();
    names_.clear();
  }

 private:
  int number_ = 0;
  std::vector<std::unique_ptr<ChildProcess>> running_;
  std::vector<std::string> names_;
};

// A network of two ends, one of them in a name space of its own, whose cable can be pulled.
class PulledCable {
 public:
  static constexpr char kSpace[] = "rollout-trial";
  static constexpr char kNear[] = "rollout-near";
  static constexpr char kFar[] = "rollout-far";
  static constexpr char kAddress[] = "10.213.77.1";

  absl::Status Lay() {
    for (const std::vector<std::string>& command : std::vector<std::vector<std::string>>{
             {"ip", "netns", "add", kSpace},
             {"ip", "link", "add", kNear, "type", "veth", "peer", "name", kFar, "netns", kSpace},
             {"ip", "address", "add", absl::StrCat(kAddress, "/30"), "dev", kNear},
             {"ip", "link", "set", kNear, "up"},
             {"ip", "-n", kSpace, "address", "add", "10.213.77.2/30", "dev", kFar}}) {
      if (absl::Status done = RunCommand(command); !done.ok()) return done;
      laid_ = true;
    }
    return Plug();
  }
  ~PulledCable() {
    if (!laid_) return;
    (void)RunCommand({"ip", "link", "delete", kNear});
    (void)RunCommand({"ip", "netns", "delete", kSpace});
  }

  static absl::Status Plug() { return Set("up"); }
  static absl::Status Pull() { return Set("down"); }

 private:
  static absl::Status Set(const std::string& state) {
    return RunCommand({"ip", "-n", kSpace, "link", "set", kFar, state});
  }

  bool laid_ = false;
};

absl::Status ReadSlowly(TrialScene& scene, NumberedClients* readers, Peak* peak) {
  // 0.7 MB an answer.
  absl::Status started = readers->Start(
      scene, "stream", {"--lanes", "64", "--horizon", "640", "--trajectory", "--in-flight", "16"},
      "streaming", kReaders);
  if (!started.ok()) return started;
  readers->Signal(SIGSTOP);
  const absl::Time end = absl::Now() + kUnread;
  while (absl::Now() < end) {
    if (absl::Status looked = peak->Look(scene); !looked.ok()) return looked;
    absl::SleepFor(absl::Milliseconds(100));
  }
  // They go on where they were, and get every answer.
  readers->Signal(SIGCONT);
  readers->Signal(SIGTERM);
  return readers->WaitForGoodEnd(scene);
}

absl::Status Vanish(TrialScene& scene, NumberedClients* peers) {
  const auto before = scene.server().Resources();
  if (!before.ok()) return before.status();
  const std::vector<std::string> beyond = {"ip", "netns", "exec", PulledCable::kSpace};
  absl::Status asking =
      peers->Start(scene, "stream", {"--lanes", "64", "--horizon", "100", "--in-flight", "4"},
                   "streaming", 4, beyond);
  if (!asking.ok()) return asking;
  absl::Status idle = peers->Start(scene, "hold", {"--connections", "50"}, "held 50", 1, beyond);
  if (!idle.ok()) return idle;
  // All but what the server may have had open besides when it was first looked at.
  const auto connected = scene.server().Resources();
  if (!connected.ok()) return connected.status();
  if (connected->open_files < before->open_files + 50) {
    return absl::InternalError(absl::StrCat("the server holds ", connected->open_files,
                                            " files, expected ", before->open_files + 54,
                                            ": are these connections its own?"));
  }
  if (absl::Status pulled = PulledCable::Pull(); !pulled.ok()) return pulled;
  // Their last words do not reach the server any more.
  peers->Forget();
  int left = 0;
  absl::Status noticed = WaitUntil(
      "the server closes connections of peers that are gone",
      [&] {
        const auto now = scene.server().Resources();
        if (now.ok()) left = now->open_files - before->open_files;
        return now.ok() && left <= 0;
      },
      kUntilNoticed);
  if (absl::Status plugged = PulledCable::Plug(); !plugged.ok()) return plugged;
  if (noticed.ok()) return noticed;
  return absl::Status(noticed.code(), absl::StrCat(noticed.message(), ": ", left, " are left"));
}

}  // namespace

absl::Status EndureManyConnections(const FaultsOptions& options, Judgements* judgements) {
  Fault fault;
  fault.name = "many-connections";
  fault.rounds = options.rounds;
  NumberedClients clients;
  Peak peak;
  fault.round = [&](TrialScene& scene) {
    if (peak.before.threads == 0) {
      const auto resources = scene.server().Resources();
      if (!resources.ok()) return resources.status();
      peak.before = *resources;
    }
    const std::string count = absl::StrCat(options.connections);
    absl::Status held = clients.Start(scene, "hold", {"--connections", count}, "held " + count, 1);
    if (!held.ok()) return held;
    absl::SleepFor(kHeld);
    if (absl::Status looked = peak.Look(scene); !looked.ok()) return looked;
    clients.Signal(SIGTERM);
    return clients.WaitForGoodEnd(scene);
  };
  fault.finish = [&](TrialScene&, Judgements* to) {
    // The client has said "held"; the server's files confirm it, but for one or two that it had
    // open by chance when they were first counted (a look at the repository, a scrape).
    constexpr int kPassingFiles = 4;
    to->AtLeast("connections held, by the server's files",
                peak.worst.open_files - peak.before.open_files,
                options.connections - kPassingFiles);
    to->Tell("resident memory of each",
             (peak.worst.resident_bytes - peak.before.resident_bytes) / 1e3 / options.connections,
             " kB");
    to->Tell("threads meanwhile", peak.worst.threads);
    return absl::OkStatus();
  };
  return Endure(fault, judgements);
}

absl::Status EndureSlowReaders(const FaultsOptions& options, Judgements* judgements) {
  Fault fault;
  fault.name = "slow-readers";
  fault.rounds = options.rounds;
  NumberedClients readers;
  Peak peak;
  fault.round = [&](TrialScene& scene) { return ReadSlowly(scene, &readers, &peak); };
  fault.finish = [&](TrialScene&, Judgements* to) {
    to->Tell("resident memory at most", peak.worst.resident_bytes / 1e6, " MB");
    return absl::OkStatus();
  };
  return Endure(fault, judgements);
}

absl::Status EndureHalfOpenConnections(const FaultsOptions& options, Judgements* judgements) {
  PulledCable cable;
  const absl::Status laid =
      options.quick ? absl::CancelledError("it takes half a minute") : cable.Lay();
  if (!laid.ok()) {
    judgements->Begin("half-open");
    judgements->LeftOut(laid.ToString(), options.quick);
    return absl::OkStatus();
  }
  Fault fault;
  fault.name = "half-open";
  fault.rounds = std::min(options.rounds, 2);  // each takes as long as the server's patience
  fault.scene.server.listen = absl::StrCat(PulledCable::kAddress, ":0");
  fault.scene.server.arguments = {"--insecure"};
  NumberedClients peers;
  fault.round = [&](TrialScene& scene) { return Vanish(scene, &peers); };
  return Endure(fault, judgements);
}

}  // namespace rollout
