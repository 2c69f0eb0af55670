// Stretches of observed episodes that open-loop rollouts are compared with.
#ifndef ROLLOUT_MODELS_EVALUATION_ROLLOUT_WINDOWS_H_
#define ROLLOUT_MODELS_EVALUATION_ROLLOUT_WINDOWS_H_

#include <cstdint>
#include <vector>

namespace rollout {

// What was observed of one episode of T steps.
struct ObservedEpisode {
  std::vector<double> states;    // [T + 1, 2n], the terminal state included
  std::vector<double> controls;  // [T, nu], as applied

  int64_t num_steps = 0;  // T
};

// `length` transitions of one episode from state `start` on.
struct RolloutWindow {
  int64_t episode = 0;  // index into WindowSet::episodes
  int64_t start = 0;
  int64_t length = 0;
};

// Held-out episodes and the windows in them. A plain value.
struct WindowSet {
  int state_size = 0;    // 2n
  int num_controls = 0;  // nu
  std::vector<ObservedEpisode> episodes;
  std::vector<RolloutWindow> windows;

  const double* state(const RolloutWindow& window, int64_t step) const {
    return &episodes[window.episode].states[(window.start + step) * state_size];
  }
  const double* control(const RolloutWindow& window, int64_t step) const {
    return episodes[window.episode].controls.data() + (window.start + step) * num_controls;
  }
};

// Windows of up to `max_length` transitions that start every `stride` steps of each episode. None
// crosses an episode's end; the last ones of an episode are shorter.
std::vector<RolloutWindow> PlaceWindows(const std::vector<ObservedEpisode>& episodes,
                                        int64_t max_length, int64_t stride);

}  // namespace rollout

#endif  // ROLLOUT_MODELS_EVALUATION_ROLLOUT_WINDOWS_H_
