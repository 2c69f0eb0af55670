#include "trainer/fitting/training_set.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"

namespace rollout {
namespace {

// Streams of one sampler's seed.
constexpr uint64_t kBootstrapStream = 1;
constexpr uint64_t kChoiceStream = 2;
constexpr uint64_t kFirstEpochStream = 16;

void Shuffle(Random& random, std::vector<int64_t>* values) {
  for (size_t i = values->size(); i > 1; --i) {
    std::swap((*values)[i - 1], (*values)[random.UniformInteger(i)]);
  }
}

}  // namespace

absl::StatusOr<TrainingSet> MakeTrainingSet(const std::vector<ObservedEpisode>& episodes,
                                            const DatasetInfo& info, int window_states) {
  TrainingSet set;
  set.state_size = info.num_positions + info.num_velocities;
  set.num_controls = info.num_controls;
  set.window_transitions = window_states - 1;
  set.ignored_positions = info.ignored_positions;
  int64_t first_row = 0;
  int64_t longest = 0;
  set.episode_windows.push_back(0);
  for (const ObservedEpisode& episode : episodes) {
    set.states.insert(set.states.end(), episode.states.begin(), episode.states.end());
    set.controls.insert(set.controls.end(), episode.controls.begin(), episode.controls.end());
    set.controls.insert(set.controls.end(), set.num_controls, 0.0f);
    for (int64_t start = 0; start + set.window_transitions <= episode.num_steps; ++start) {
      set.window_rows.push_back(first_row + start);
    }
    first_row += episode.num_steps + 1;
    longest = std::max(longest, episode.num_steps);
    set.episode_windows.push_back(static_cast<int64_t>(set.window_rows.size()));
  }
  if (set.window_rows.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("no training episode is long enough: ", episodes.size(),
                     " training episodes, the longest of ", longest, " steps, windows need ",
                     set.window_transitions));
  }
  return set;
}

void GatherWindows(const TrainingSet& set, absl::Span<const int64_t> rows, WindowBatch* batch) {
  batch->size = static_cast<int64_t>(rows.size());
  const int64_t steps = set.window_transitions;
  batch->states.resize((steps + 1) * batch->size * set.state_size);
  batch->controls.resize(steps * batch->size * set.num_controls);
  for (int64_t step = 0; step <= steps; ++step) {
    for (int64_t lane = 0; lane < batch->size; ++lane) {
      float* state = &batch->states[(step * batch->size + lane) * set.state_size];
      std::copy_n(&set.states[(rows[lane] + step) * set.state_size], set.state_size, state);
      for (const int ignored : set.ignored_positions) {
        state[ignored] -= set.states[rows[lane] * set.state_size + ignored];
      }
      if (step == steps) continue;
      std::copy_n(set.controls.data() + (rows[lane] + step) * set.num_controls, set.num_controls,
                  batch->controls.data() + (step * batch->size + lane) * set.num_controls);
    }
  }
}

WindowSampler::WindowSampler(const TrainingSet& set, uint64_t seed, int64_t batch, bool bootstrap,
                             int64_t max_windows)
    : seed_(seed) {
  const uint64_t episodes = set.episode_windows.size() - 1;
  if (bootstrap) {
    // At least one drawn episode must hold a window: the set as a whole has one.
    for (uint64_t attempt = 0; rows_.empty(); ++attempt) {
      Random random(DeriveSeed(DeriveSeed(seed, kBootstrapStream), attempt));
      for (uint64_t i = 0; i < episodes; ++i) {
        const uint64_t drawn = random.UniformInteger(episodes);
        rows_.insert(rows_.end(), set.window_rows.begin() + set.episode_windows[drawn],
                     set.window_rows.begin() + set.episode_windows[drawn + 1]);
      }
    }
  } else {
    rows_ = set.window_rows;
  }
  if (max_windows > 0 && max_windows < num_windows()) {
    Random random(DeriveSeed(seed, kChoiceStream));
    Shuffle(random, &rows_);
    rows_.resize(max_windows);
  }
  batch_ = std::min(batch, num_windows());
}

absl::Span<const int64_t> WindowSampler::Rows(int64_t step) {
  const int64_t steps_per_epoch = num_windows() / batch_;
  const int64_t epoch = step / steps_per_epoch;
  if (epoch != epoch_) {
    shuffled_ = rows_;
    Random random(DeriveSeed(seed_, kFirstEpochStream + static_cast<uint64_t>(epoch)));
    Shuffle(random, &shuffled_);
    epoch_ = epoch;
  }
  return absl::MakeConstSpan(shuffled_).subspan((step % steps_per_epoch) * batch_, batch_);
}

}  // namespace rollout
