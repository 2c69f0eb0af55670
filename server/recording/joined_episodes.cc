#include "server/recording/joined_episodes.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/types/span.h"

namespace rollout {

JoinedEpisodes::JoinedEpisodes(const TransitionModelSpec& spec,
                               const JoinedEpisodesOptions& options)
    : state_size_(static_cast<size_t>(spec.state_size())),
      num_controls_(static_cast<size_t>(spec.num_controls)),
      dt_(spec.transition_dt),
      options_(options) {
  if (spec.reward.empty()) return;
  // A loaded model's reward exists.
  const auto reward = FindReward(spec.reward, spec.num_positions, spec.num_controls);
  if (reward.ok()) reward_ = *reward;
}

std::vector<Episode> JoinedEpisodes::Add(const TransitionChunk& chunk) {
  std::vector<Episode> ended;
  auto open = std::find_if(open_.begin(), open_.end(), [&](const Open& other) {
    return other.name == chunk.episode && other.client == chunk.client;
  });
  if (open != open_.end() && !GoesOn(*open, chunk)) {
    ended.push_back(End(open, false));
    open = open_.end();
  }
  if (open == open_.end()) {
    open_.push_front({chunk.client, chunk.episode, chunk.first_step, {}});
    open_.front().episode.policy = chunk.client;
  } else {
    open_.splice(open_.begin(), open_, open);
  }
  open = open_.begin();
  open_bytes_ -= BytesOf(open->episode);
  Append(chunk, &open->episode);
  open_bytes_ += BytesOf(open->episode);
  open->next_step = chunk.first_step + static_cast<uint64_t>(chunk.num_transitions);
  if (chunk.terminated || chunk.truncated || open->episode.num_steps() >= options_.max_steps) {
    ended.push_back(End(open, chunk.terminated));
  }
  while (open_bytes_ > options_.max_bytes) ended.push_back(End(std::prev(open_.end()), false));
  return ended;
}

std::vector<Episode> JoinedEpisodes::CutAll() {
  std::vector<Episode> ended;
  while (!open_.empty()) ended.push_back(End(std::prev(open_.end()), false));
  return ended;
}

bool JoinedEpisodes::GoesOn(const Open& open, const TransitionChunk& chunk) const {
  return chunk.first_step == open.next_step &&
         GoesOnFrom(absl::MakeConstSpan(open.episode.states).last(state_size_), chunk.states);
}

void JoinedEpisodes::Append(const TransitionChunk& chunk, Episode* episode) const {
  const size_t known = episode->states.empty() ? 0 : state_size_;  // its first state
  episode->states.insert(episode->states.end(),
                         chunk.states.begin() + static_cast<ptrdiff_t>(known), chunk.states.end());
  episode->actions.insert(episode->actions.end(), chunk.controls.begin(), chunk.controls.end());
  const size_t steps = static_cast<size_t>(chunk.num_transitions);
  for (size_t step = 0; step < steps; ++step) {
    const auto states = absl::MakeConstSpan(chunk.states);
    const TransitionView transition = {
        states.subspan(step * state_size_, state_size_),
        absl::MakeConstSpan(chunk.controls).subspan(step * num_controls_, num_controls_),
        states.subspan((step + 1) * state_size_, state_size_), dt_};
    episode->rewards.push_back(reward_ == nullptr ? 0.0 : reward_(transition));
  }
  episode->terminations.resize(episode->rewards.size(), 0);
  episode->truncations.resize(episode->rewards.size(), 0);
}

Episode JoinedEpisodes::End(std::list<Open>::iterator open, bool terminated) {
  open_bytes_ -= BytesOf(open->episode);
  Episode episode = std::move(open->episode);
  open_.erase(open);
  (terminated ? episode.terminations : episode.truncations).back() = 1;
  return episode;
}

int64_t JoinedEpisodes::BytesOf(const Episode& episode) const {
  const size_t numbers = episode.states.size() + episode.actions.size() + episode.rewards.size();
  return static_cast<int64_t>(numbers * sizeof(double) + 2 * episode.rewards.size());
}

}  // namespace rollout
