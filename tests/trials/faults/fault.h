// One way in which the world around a server goes wrong, endured under load.
#ifndef ROLLOUT_TESTS_TRIALS_FAULTS_FAULT_H_
#define ROLLOUT_TESTS_TRIALS_FAULTS_FAULT_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/trials/judgements.h"
#include "tests/trials/trial_scene.h"

namespace rollout {

struct FaultsOptions {
  int rounds = 4;           // of each fault: a leak grows from one to the next
  int connections = 10000;  // of the fault with many
  bool quick = false;       // a few seconds, without what takes longer
  std::string only;         // the name of one fault; empty = all
};

// What happens in a round, with two clients asking meanwhile. What the server holds after the last
// round is held against what it held after half of them.
struct Fault {
  std::string name;
  SceneOptions scene;
  int rounds = 4;
  std::function<absl::Status(TrialScene&)> round;
  // Once, after the rounds: further judgements.
  std::function<absl::Status(TrialScene&, Judgements*)> finish;
};

// Judges that the server lives, that no request of the others failed or was answered wrongly, and
// that memory, files and threads come back.
absl::Status Endure(const Fault& fault, Judgements* judgements);

// How long Endure lets others ask before the first round and after the last.
inline constexpr absl::Duration kCalm = absl::Seconds(1);

// Publishes the next version and waits until the server answers with it.
absl::Status PublishAndWait(TrialScene& scene);

// Each sets its stage, calls Endure, and clears up. What cannot be had on this machine (a mount, a
// network namespace, the trainer) is left out, which fails unless `quick` asked for it.
absl::Status EndureKilledClients(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureKilledPublishers(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureFullDisk(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureVanishedRepository(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureClockSteps(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureManyConnections(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureSlowReaders(const FaultsOptions& options, Judgements* judgements);
absl::Status EndureHalfOpenConnections(const FaultsOptions& options, Judgements* judgements);

// All of them, or the one that the options name.
absl::Status RunFaults(const FaultsOptions& options, Judgements* judgements);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_FAULTS_FAULT_H_
