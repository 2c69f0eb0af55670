// The windows that a model is fitted to.
#ifndef ROLLOUT_TRAINER_FITTING_TRAINING_SET_H_
#define ROLLOUT_TRAINER_FITTING_TRAINING_SET_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "datasets/dataset.h"
#include "models/evaluation/rollout_windows.h"

namespace rollout {

// Training episodes one after the other, as the float32 that networks see, and the windows of a few
// states in them, none across an episode's end. Immutable.
struct TrainingSet {
  int state_size = 0;           // 2n
  int num_controls = 0;         // nu
  int window_transitions = 0;   // transitions of each window: its states less one
  std::vector<float> states;    // [rows, 2n]
  std::vector<float> controls;  // [rows, nu], zeros beside an episode's last state
  // First rows of windows, in order, and where each episode's windows begin among them ([episodes +
  // 1]).
  std::vector<int64_t> window_rows;
  std::vector<int64_t> episode_windows;
  std::vector<int> ignored_positions;  // windows are gathered relative to their first state there
};

// INVALID_ARGUMENT where no episode is long enough for one window of `window_states` states.
absl::StatusOr<TrainingSet> MakeTrainingSet(const std::vector<ObservedEpisode>& episodes,
                                            const DatasetInfo& info, int window_states);

// The windows of one optimiser step of one member.
struct WindowBatch {
  int64_t size = 0;             // B
  std::vector<float> states;    // [window_transitions + 1, B, 2n]
  std::vector<float> controls;  // [window_transitions, B, nu]
};

// Gathers windows by their first rows into `batch`.
void GatherWindows(const TrainingSet& set, absl::Span<const int64_t> rows, WindowBatch* batch);

// Which windows each optimiser step of one member takes: the whole set shuffled anew every epoch,
// in batches; a shorter last batch is dropped. A function of seed and step alone, so that a resumed
// fit goes on where it was. One owner.
class WindowSampler {
 public:
  // `bootstrap`: episodes are drawn with replacement, as often as there are episodes.
  // `max_windows`: a random choice of that many, 0 = all.
  WindowSampler(const TrainingSet& set, uint64_t seed, int64_t batch, bool bootstrap,
                int64_t max_windows);

  // The first rows of the windows of optimiser step `step`.
  absl::Span<const int64_t> Rows(int64_t step);

  int64_t num_windows() const { return static_cast<int64_t>(rows_.size()); }
  void set_batch(int64_t batch) { batch_ = batch; }

 private:
  uint64_t seed_;
  int64_t batch_;
  std::vector<int64_t> rows_;
  int64_t epoch_ = -1;
  std::vector<int64_t> shuffled_;  // of epoch_
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_TRAINING_SET_H_
