#include "trainer/collection/collector.h"

#include <algorithm>
#include <map>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/random.h"

namespace rollout {
namespace {

// Of each thread, how many episodes may wait for an earlier one that takes longer.
constexpr int64_t kEpisodesAhead = 4;

// One thread's system and policies. Lives as long as the thread works.
class EpisodeRunner {
 public:
  EpisodeRunner(const System& system, const PolicyPlan& plan, const CollectionOptions& options)
      : plan_(plan), options_(options), system_(system.NewInstance()) {
    for (const NamedPolicy& policy : plan.policies) policies_.push_back(policy.make());
    const int limit = system.info().max_episode_steps;
    max_steps_ = options.max_episode_steps > 0 ? std::min(limit, options.max_episode_steps) : limit;
  }

  Episode Run(int64_t id) {
    const SystemInfo& info = system_->info();
    const size_t state_size = static_cast<size_t>(info.num_positions + info.num_velocities);
    const size_t num_controls = static_cast<size_t>(info.num_controls);
    const size_t chosen = plan_.PolicyOf(id);
    Policy& policy = *policies_[chosen];
    Episode episode;
    episode.id = id;
    episode.seed = DeriveSeed(options_.seed, static_cast<uint64_t>(id));
    episode.policy = plan_.policies[chosen].name;
    system_->Reset(episode.seed);
    policy.StartEpisode(DeriveSeed(episode.seed, 1));
    episode.states.resize(state_size);
    system_->GetState(absl::MakeSpan(episode.states));
    for (bool ended = false; !ended;) {
      const size_t step = episode.rewards.size();
      episode.actions.resize((step + 1) * num_controls);
      const absl::Span<double> action = absl::MakeSpan(episode.actions).last(num_controls);
      policy.Act(*system_, action);
      const StepResult result = system_->Step(action);
      episode.states.resize((step + 2) * state_size);
      system_->GetState(absl::MakeSpan(episode.states).last(state_size));
      const bool truncated = result.truncated || static_cast<int>(step) + 1 == max_steps_;
      episode.rewards.push_back(result.reward);
      episode.terminations.push_back(result.terminated);
      episode.truncations.push_back(truncated);
      ended = result.terminated || truncated;
    }
    return episode;
  }

 private:
  const PolicyPlan& plan_;
  const CollectionOptions& options_;
  const std::unique_ptr<System> system_;
  std::vector<std::unique_ptr<Policy>> policies_;
  int max_steps_ = 0;
};

// Hands out episode numbers and passes finished episodes on in order. Shared by the threads.
class EpisodeOrder {
 public:
  EpisodeOrder(const PolicyPlan& plan, const CollectionOptions& options, const EpisodeSink& sink)
      : plan_(plan), options_(options), sink_(sink) {
    for (const NamedPolicy& policy : plan.policies) {
      summary_.policies.push_back({.name = policy.name});
    }
  }

  // The next episode to run; waits while too many are ahead of the one written next. -1: no more.
  int64_t Take() {
    MutexLock lock(&mutex_);
    while (status_.ok() && !Stopped() &&
           next_taken_ >= next_written_ + kEpisodesAhead * options_.threads) {
      written_.Wait(&mutex_);
    }
    if (!status_.ok() || Stopped() || next_taken_ >= options_.episodes) return -1;
    return next_taken_++;
  }

  // Keeps `episode` until it is its turn; the thread that brings the one whose turn it is also
  // writes those that waited for it, while the others go on.
  void Give(Episode episode) {
    mutex_.Lock();
    const int64_t id = episode.id;
    waiting_.emplace(id, std::move(episode));
    if (!writing_) {
      writing_ = true;
      while (status_.ok() && !waiting_.empty() && waiting_.begin()->first == next_written_) {
        const Episode turn = std::move(waiting_.extract(waiting_.begin()).mapped());
        mutex_.Unlock();
        const absl::Status status = sink_(turn);
        mutex_.Lock();
        if (status_.ok()) status_ = status;
        if (status.ok()) Count(turn);
        ++next_written_;
        written_.NotifyAll();
      }
      writing_ = false;
    }
    mutex_.Unlock();
  }

  absl::StatusOr<CollectionSummary> Result() {
    MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    return summary_;
  }

 private:
  bool Stopped() const { return options_.stop != nullptr && *options_.stop; }

  void Count(const Episode& episode) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    double sum = 0.0;
    for (const double reward : episode.rewards) sum += reward;
    PolicyOutcome& outcome = summary_.policies[plan_.PolicyOf(episode.id)];
    outcome.return_min = outcome.episodes == 0 ? sum : std::min(outcome.return_min, sum);
    outcome.return_max = outcome.episodes == 0 ? sum : std::max(outcome.return_max, sum);
    outcome.return_sum += sum;
    outcome.steps += episode.num_steps();
    outcome.terminated += episode.terminations.back();
    ++outcome.episodes;
    summary_.steps += episode.num_steps();
    ++summary_.episodes;
  }

  const PolicyPlan& plan_;
  const CollectionOptions& options_;
  const EpisodeSink& sink_;
  Mutex mutex_;
  ConditionVariable written_;
  int64_t next_taken_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t next_written_ ABSL_GUARDED_BY(mutex_) = 0;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int64_t, Episode> waiting_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
  CollectionSummary summary_ ABSL_GUARDED_BY(mutex_);
};

absl::Status Validate(const PolicyPlan& plan, const CollectionOptions& options) {
  if (options.episodes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("episodes is ", options.episodes, ", expected at least 1"));
  }
  if (options.threads < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("threads is ", options.threads, ", expected at least 1"));
  }
  if (plan.pattern.empty() ||
      *std::max_element(plan.pattern.begin(), plan.pattern.end()) >= plan.policies.size()) {
    return absl::InvalidArgumentError("the plan names a policy that it does not have");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CollectionSummary> CollectEpisodes(const System& system, const PolicyPlan& plan,
                                                  const CollectionOptions& options,
                                                  const EpisodeSink& sink) {
  const absl::Status valid = Validate(plan, options);
  if (!valid.ok()) return valid;
  EpisodeOrder order(plan, options, sink);
  const auto work = [&] {
    EpisodeRunner runner(system, plan, options);
    for (int64_t id = order.Take(); id >= 0; id = order.Take()) order.Give(runner.Run(id));
  };
  std::vector<std::thread> others;
  for (int i = 1; i < options.threads; ++i) others.emplace_back(work);
  work();
  for (std::thread& thread : others) thread.join();
  return order.Result();
}

DatasetInfo DescribeDataset(const SystemInfo& info, const std::string& id) {
  DatasetInfo described;
  described.id = id.empty() ? absl::StrCat("rollout/", info.name, "-v0") : id;
  described.system = info.name;
  described.num_positions = info.num_positions;
  described.num_velocities = info.num_velocities;
  described.num_controls = info.num_controls;
  described.dt = info.dt;
  described.angular_positions = info.angular_positions;
  described.ignored_positions = info.ignored_positions;
  described.control_low = info.control_low;
  described.control_high = info.control_high;
  described.state_names = info.state_names;
  described.control_names = info.control_names;
  described.reward = info.reward;
  described.termination = info.termination;
  return described;
}

}  // namespace rollout
