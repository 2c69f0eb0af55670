// rollout.v1.ReportTransitionsRequest: from its bytes to the windows that it completes.
#include <cstdlib>

#include "server/prediction_error/reported_episodes.h"
#include "server/services/transition_report.h"
#include "tests/fuzz/served_model.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const rollout::TransitionModelSpec spec = rollout::FuzzSpec();
  rollout::v1::ReportTransitionsRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  const auto chunk = rollout::ChunkFromMessage(request, spec, rollout::FuzzLimits());
  if (!chunk.ok()) return 0;
  rollout::ReportedEpisodes episodes(spec, {});
  // Twice: the second goes on with the first, or starts anew.
  for (int k = 0; k < 2; ++k) {
    const auto added = episodes.Add(*chunk, [](std::vector<rollout::WindowPlace>*) {});
    if (!added.ok()) return 0;
    for (const rollout::PredictionWindow& window : added->windows) {
      const size_t horizons = window.last - window.first + 1;
      if (window.initial_state.size() != 4 || window.observed.size() != horizons * 4 ||
          window.controls.size() != static_cast<size_t>(window.length())) {
        std::abort();
      }
    }
  }
  return 0;
}
