// Reports of a model of one position and one control.
#ifndef ROLLOUT_TESTS_SERVER_RECORDING_REPORTS_H_
#define ROLLOUT_TESTS_SERVER_RECORDING_REPORTS_H_

#include <memory>
#include <string>

#include "models/transition_model.h"
#include "server/prediction_error/reported_episodes.h"
#include "tests/support/random_model.h"

namespace rollout {

inline TransitionModelSpec ReportedSpec() {
  SpecChoice choice;
  choice.num_positions = 1;
  choice.num_controls = 1;
  choice.hidden_sizes = {4};
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = "model";
  return spec;
}

// The state at step s is [s, s], the control s.
inline TransitionChunk Chunk(const std::string& episode, uint64_t first_step, int64_t transitions) {
  TransitionChunk chunk;
  chunk.client = "robot";
  chunk.episode = episode;
  chunk.first_step = first_step;
  chunk.num_transitions = transitions;
  for (int64_t step = 0; step <= transitions; ++step) {
    const double value = static_cast<double>(first_step) + static_cast<double>(step);
    chunk.states.insert(chunk.states.end(), 2, value);
    if (step < transitions) chunk.controls.push_back(value);
  }
  return chunk;
}

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_RECORDING_REPORTS_H_
