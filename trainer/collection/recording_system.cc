#include "trainer/collection/recording_system.h"

#include <utility>

namespace rollout {

RecordingSystem::RecordingSystem(std::unique_ptr<System> system, std::string policy,
                                 EpisodeSink sink)
    : system_(std::move(system)), policy_(std::move(policy)), sink_(std::move(sink)) {}

void RecordingSystem::Reset(uint64_t seed) {
  HandOn();
  system_->Reset(seed);
  Begin(seed);
}

absl::Status RecordingSystem::ResetTo(absl::Span<const double> state) {
  HandOn();
  absl::Status status = system_->ResetTo(state);
  Begin(0);
  return status;
}

StepResult RecordingSystem::Step(absl::Span<const double> action) {
  const StepResult result = system_->Step(action);
  episode_.actions.insert(episode_.actions.end(), action.begin(), action.end());
  episode_.rewards.push_back(result.reward);
  episode_.terminations.push_back(result.terminated);
  episode_.truncations.push_back(result.truncated);
  AppendState();
  if (result.terminated || result.truncated) {
    HandOn();
    Begin(episode_.seed);  // a driver that steps on goes on in an episode of its own
  }
  return result;
}

absl::Status RecordingSystem::Finish() {
  HandOn();
  Begin(0);
  return status_;
}

void RecordingSystem::Begin(uint64_t seed) {
  episode_.seed = seed;
  episode_.policy = policy_;
  episode_.states.clear();
  episode_.actions.clear();
  episode_.rewards.clear();
  episode_.terminations.clear();
  episode_.truncations.clear();
  AppendState();
}

void RecordingSystem::AppendState() {
  const SystemInfo& info = system_->info();
  const size_t size = static_cast<size_t>(info.num_positions + info.num_velocities);
  episode_.states.resize(episode_.states.size() + size);
  system_->GetState(absl::MakeSpan(episode_.states).last(size));
}

void RecordingSystem::HandOn() {
  if (episode_.num_steps() == 0 || !status_.ok()) return;
  status_ = sink_(episode_);
  ++episode_.id;
}

}  // namespace rollout
