#include "trainer/sac/sac_training.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "spdlog/spdlog.h"
#include "trainer/sac/actor_file.h"
#include "trainer/sac/learned_actor.h"
#include "trainer/sac/policy_evaluation.h"
#include "trainer/sac/training_state.h"

namespace rollout {
namespace {

// The independent streams of random numbers of one training, each seeded by DeriveSeed(seed, this).
enum SeedStream : uint64_t {
  kLearnerStream,
  kExplorationStream,
  kReplayStream,
  kEpisodeStream,
  kEvaluationStream
};

std::string CheckpointPath(const std::string& dir) { return dir + "/training.safetensors"; }
std::string CurvePath(const std::string& dir) { return dir + "/learning_curve.csv"; }

// What a resumed training must have in common with the saved one.
std::map<std::string, std::string> Settings(const SacTrainingOptions& options,
                                            const SystemInfo& info) {
  return {{"system", info.name},
          {"seed", absl::StrCat(options.seed)},
          {"hidden size", absl::StrCat(options.sac.hidden_size)},
          {"discount", absl::StrCat(options.sac.discount)},
          {"replay capacity", absl::StrCat(options.replay_capacity)}};
}

void ToFloat(const std::vector<double>& from, std::vector<float>* to) {
  std::copy(from.begin(), from.end(), to->begin());
}

}  // namespace

SacTraining::SacTraining(const SacTrainingOptions& options, System* system,
                         System* evaluation_system, const Clock* clock,
                         const std::atomic<bool>* stop)
    : options_(options),
      system_(system),
      evaluation_system_(evaluation_system),
      clock_(clock),
      stop_(stop),
      start_(clock->Now()),
      learner_(options.sac, system->info().observation_size, system->info().num_controls,
               DeriveSeed(options.seed, kLearnerStream)),
      replay_(options.replay_capacity, system->info().observation_size,
              system->info().num_controls),
      exploration_random_(DeriveSeed(options.seed, kExplorationStream)),
      replay_random_(DeriveSeed(options.seed, kReplayStream)),
      actor_(MakeLearnedActor(options.sac, system->info())),
      actor_forward_(&actor_),
      observation_(system->info().observation_size),
      action_(system->info().num_controls),
      network_observation_(observation_.size()),
      network_action_(action_.size()),
      next_network_observation_(observation_.size()) {
  batch_.Resize(options.sac.batch_size, system->info().observation_size,
                system->info().num_controls);
}

double SacTraining::WallSeconds() const {
  return earlier_seconds_ + absl::ToDoubleSeconds(clock_->Now() - start_);
}

void SacTraining::StartEpisode() {
  system_->Reset(DeriveSeed(DeriveSeed(options_.seed, kEpisodeStream), episode_));
  ++episode_;
  episode_return_ = 0.0;
  system_->GetObservation(absl::MakeSpan(observation_));
  ToFloat(observation_, &network_observation_);
}

void SacTraining::CollectStep() {
  if (step_ < options_.learning_starts) {
    for (float& value : network_action_) {
      value = static_cast<float>(exploration_random_.Uniform(-1.0, 1.0));
    }
  } else {
    CopyLearnedParameters(learner_.state().parameters.actor, &actor_);
    actor_forward_.Stochastic(network_observation_, exploration_random_,
                              absl::MakeSpan(network_action_));
  }
  for (size_t i = 0; i < action_.size(); ++i) {
    action_[i] = ScaleToBounds(network_action_[i], actor_.control_low[i], actor_.control_high[i]);
  }
  const StepResult result = system_->Step(action_);
  system_->GetObservation(absl::MakeSpan(observation_));
  ToFloat(observation_, &next_network_observation_);
  replay_.Add(network_observation_, network_action_, static_cast<float>(result.reward),
              result.terminated, next_network_observation_);
  network_observation_.swap(next_network_observation_);
  episode_return_ += result.reward;
  ++step_;
  if (result.terminated || result.truncated) {
    last_episode_return_ = episode_return_;
    StartEpisode();
  }
}

absl::Status SacTraining::LearnStep() {
  replay_.Sample(replay_random_, &batch_);
  absl::StatusOr<SacUpdateResult> update = learner_.Update(batch_);
  if (!update.ok()) {
    return absl::Status(update.status().code(),
                        absl::StrCat(update.status().message(), " (", system_->info().name,
                                     ", seed ", options_.seed, ", step ", step_, ")"));
  }
  last_update_ = *update;
  return absl::OkStatus();
}

absl::Status SacTraining::EvaluateAndSave() {
  CopyLearnedParameters(learner_.state().parameters.actor, &actor_);
  absl::StatusOr<std::unique_ptr<ActorPolicy>> policy = ActorPolicy::Create(
      std::make_shared<const Actor>(actor_), evaluation_system_->info(), /*stochastic=*/false);
  if (!policy.ok()) return policy.status();
  const PolicyReturns returns =
      EvaluatePolicy(*evaluation_system_, **policy, options_.evaluation_episodes,
                     DeriveSeed(options_.seed, kEvaluationStream));
  const bool best = returns.mean > curve_.best_return();
  curve_.rows.push_back({.step = step_,
                         .wall_seconds = WallSeconds(),
                         .return_mean = returns.mean,
                         .return_sd = returns.standard_deviation,
                         .episode_steps = returns.mean_steps,
                         .critic_loss = last_update_.critic_loss,
                         .temperature = last_update_.temperature,
                         .entropy = last_update_.entropy});
  spdlog::info(
      "{} step {}: return {:.1f} +- {:.1f} over {} deterministic episodes, {:.0f} updates/s",
      system_->info().name, step_, returns.mean, returns.standard_deviation,
      options_.evaluation_episodes, learner_.state().updates / WallSeconds());
  if (absl::Status status = WriteLearningCurve(CurvePath(options_.out_dir), curve_); !status.ok()) {
    return status;
  }
  if (best) {
    if (absl::Status status = WriteActorFile(options_.out_dir + "/best.safetensors", actor_);
        !status.ok()) {
      return status;
    }
  }
  return WriteActorFile(options_.out_dir + "/last.safetensors", actor_);
}

absl::Status SacTraining::SaveCheckpoint() {
  if (absl::Status status = options_.before_checkpoint(step_); !status.ok()) return status;
  SacTrainingState state;
  state.settings = Settings(options_, system_->info());
  state.learner = learner_.state();
  state.replay_rows.assign(replay_.rows().begin(), replay_.rows().end());
  state.replay_next_row = replay_.next_row();
  state.exploration_random = exploration_random_.state();
  state.replay_random = replay_random_.state();
  state.step = step_;
  state.episode = episode_;
  state.wall_seconds = WallSeconds();
  return WriteTrainingState(CheckpointPath(options_.checkpoint_dir), state);
}

absl::Status SacTraining::Resume() {
  absl::StatusOr<SacTrainingState> state =
      ReadTrainingState(CheckpointPath(options_.checkpoint_dir));
  if (!state.ok()) return state.status();
  for (const auto& [name, value] : Settings(options_, system_->info())) {
    if (state->settings[name] != value) {
      return absl::InvalidArgumentError(absl::StrCat(CheckpointPath(options_.checkpoint_dir),
                                                     ": its ", name, " is ", state->settings[name],
                                                     ", this training's is ", value));
    }
  }
  const SacLearnerState& own = learner_.state();
  if (state->learner.parameters.actor.size() != own.parameters.actor.size() ||
      state->learner.parameters.critics.size() != own.parameters.critics.size() ||
      state->replay_rows.size() % replay_.row_size() != 0 ||
      state->replay_rows.size() > replay_.capacity() * replay_.row_size() ||
      state->replay_next_row >= replay_.capacity()) {
    return absl::InvalidArgumentError(absl::StrCat(CheckpointPath(options_.checkpoint_dir),
                                                   ": its networks or replay buffer have other "
                                                   "sizes than this training's"));
  }
  learner_.Restore(std::move(state->learner));
  replay_.Restore(state->replay_rows, state->replay_next_row);
  exploration_random_.set_state(state->exploration_random);
  replay_random_.set_state(state->replay_random);
  step_ = state->step;
  episode_ = state->episode;
  earlier_seconds_ = state->wall_seconds;
  absl::StatusOr<LearningCurve> curve = ReadLearningCurve(CurvePath(options_.out_dir));
  if (!curve.ok() && !absl::IsNotFound(curve.status())) return curve.status();
  if (curve.ok()) {
    curve_ = *std::move(curve);
    std::erase_if(curve_.rows, [this](const LearningCurveRow& row) { return row.step > step_; });
  }
  return absl::OkStatus();
}

absl::Status SacTraining::Run(const std::function<void(const Progress&)>& on_step) {
  const SystemInfo& info = system_->info();
  if (info.observation_size == 0) {
    return absl::InvalidArgumentError(
        absl::StrCat(info.name,
                     " has no observation that is a function of its state; soft actor-critic needs "
                     "one"));
  }
  std::error_code error;
  for (const std::string& dir : {options_.out_dir, options_.checkpoint_dir}) {
    if (!dir.empty()) std::filesystem::create_directories(dir, error);
    if (error) {
      return absl::UnavailableError(
          absl::StrCat("cannot create the folder ", dir, ": ", error.message()));
    }
  }
  StartEpisode();
  int64_t evaluated_step = -1;
  int64_t saved_step = step_;
  while (step_ < options_.steps && !stop_->load()) {
    CollectStep();
    if (step_ > options_.learning_starts) {
      if (absl::Status status = LearnStep(); !status.ok()) return status;
    }
    if (step_ % options_.evaluation_interval == 0) {
      if (absl::Status status = EvaluateAndSave(); !status.ok()) return status;
      evaluated_step = step_;
    }
    if (options_.snapshots > 0 && step_ * options_.snapshots / options_.steps !=
                                      (step_ - 1) * options_.snapshots / options_.steps) {
      CopyLearnedParameters(learner_.state().parameters.actor, &actor_);
      if (absl::Status status = WriteActorFile(
              absl::StrFormat("%s/snapshot-%d.safetensors", options_.out_dir, step_), actor_);
          !status.ok()) {
        return status;
      }
    }
    if (!options_.checkpoint_dir.empty() && step_ % options_.checkpoint_interval == 0) {
      if (absl::Status status = SaveCheckpoint(); !status.ok()) return status;
      saved_step = step_;
    }
    on_step({.step = step_,
             .last_episode_return = last_episode_return_,
             .best_evaluation = curve_.best_return()});
  }
  if (evaluated_step != step_) {
    if (absl::Status status = EvaluateAndSave(); !status.ok()) return status;
  }
  if (!options_.checkpoint_dir.empty() && saved_step != step_) return SaveCheckpoint();
  return absl::OkStatus();
}

}  // namespace rollout
