// What a rollout request asks, checked, whichever protocol it came by. Pure functions.
#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_QUERY_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_QUERY_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "models/engines/rollout_job.h"
#include "models/transition_model.h"
#include "server/services/query_settings.h"

namespace rollout {

// What one request may cost. The names in messages are those of the server's options.
struct RequestLimits {
  int64_t max_lanes = 65536;
  int64_t max_horizon = 16384;
  int64_t max_reply_bytes = int64_t{256} << 20;
  // States that a gradient is taken along, of all members and lanes.
  int64_t max_gradient_bytes = int64_t{1} << 30;
  // Frames of a pixel model in one request or reply: they are computed on threads that others wait
  // for, 0.1 ms each.
  int64_t max_frames = 4096;
};

// A float32 tensor as it came: row-major, little-endian, unpadded.
struct FloatTensorView {
  std::string field;  // for messages: "controls"
  std::vector<uint64_t> shape;
  absl::string_view data;
};

struct WantedOutputs {
  bool trajectory = false;
  bool final_state = false;
  bool total_return = false;
  bool rewards = false;
  bool terminated_step = false;
  bool first_non_finite_step = false;
  bool first_outside_step = false;
  bool spread = false;  // of what is wanted of trajectory, final state and return
  bool frames = false;  // of each state of the trajectory
  int64_t stride = 1;   // of the trajectory
};

// Ready for an engine: sizes agree, every number is finite, controls are clipped where asked.
struct RolloutQuery {
  int64_t lanes = 0;                  // B
  int64_t horizon = 0;                // T
  std::vector<float> initial_states;  // [S, 2n], S = 1 or B
  std::vector<float> controls;        // [B, T / hold, nu]
  WantedOutputs wanted;
  QuerySettings settings;

  int64_t num_bytes() const {
    return static_cast<int64_t>((initial_states.size() + controls.size()) * sizeof(float));
  }
};

// The product, or nullopt where it exceeds 2^63 - 1.
std::optional<int64_t> CheckedProduct(absl::Span<const uint64_t> factors);

// "[2, 50, 3]"; the first 8 sizes where there are more.
std::string ShapeText(absl::Span<const uint64_t> shape);

// The numbers of `tensor`. INVALID_ARGUMENT where its bytes are not its shape's, or one of them is
// NaN or infinite.
absl::StatusOr<std::vector<float>> FiniteNumbers(const FloatTensorView& tensor);

// INVALID_ARGUMENT naming the field, what it got and what was expected: ranks and sizes that do not
// fit `spec` or each other, no lane or no transition, bytes that are not the shape's, NaN or
// infinity (looked for before clipping, which would swallow it), outputs that the model cannot
// give, more than `limits` (naming the server's option).
absl::StatusOr<RolloutQuery> MakeRolloutQuery(const TransitionModelSpec& spec,
                                              const FloatTensorView& initial_states,
                                              const FloatTensorView& controls,
                                              const WantedOutputs& wanted, bool clip_controls,
                                              const RequestLimits& limits,
                                              QuerySettings settings = {});

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_QUERY_H_
