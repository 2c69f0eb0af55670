// A system that keeps the episodes that somebody else drives it through.
#ifndef ROLLOUT_TRAINER_COLLECTION_RECORDING_SYSTEM_H_
#define ROLLOUT_TRAINER_COLLECTION_RECORDING_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datasets/dataset.h"
#include "systems/system.h"
#include "trainer/collection/collector.h"

namespace rollout {

// Hands every episode to a sink when it ends: by the task's rule, by the time limit, or because the
// driver starts another one. What SAC's replay buffer holds is so kept as whole episodes, states
// and actions as they are. Owned by one thread at a time, as the system it wraps, which it owns.
class RecordingSystem final : public System {
 public:
  // `policy` names in the dataset what drives it ("sac").
  RecordingSystem(std::unique_ptr<System> system, std::string policy, EpisodeSink sink);

  const SystemInfo& info() const override { return system_->info(); }
  void Reset(uint64_t seed) override;
  absl::Status ResetTo(absl::Span<const double> state) override;
  StepResult Step(absl::Span<const double> action) override;
  void GetState(absl::Span<double> state) const override { system_->GetState(state); }
  void GetObservation(absl::Span<double> observation) const override {
    system_->GetObservation(observation);
  }
  // Does not record.
  std::unique_ptr<System> NewInstance() const override { return system_->NewInstance(); }

  // Hands on the episode under way, if it has a step. The first error of the sink so far, after
  // which nothing more is handed to it.
  absl::Status Finish();

 private:
  void Begin(uint64_t seed);
  void AppendState();
  void HandOn();

  const std::unique_ptr<System> system_;
  const std::string policy_;
  const EpisodeSink sink_;
  absl::Status status_;
  Episode episode_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_COLLECTION_RECORDING_SYSTEM_H_
