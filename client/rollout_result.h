// What comes back: views of the reply's arrays, and the version that computed them.
#ifndef ROLLOUT_CLIENT_ROLLOUT_RESULT_H_
#define ROLLOUT_CLIENT_ROLLOUT_RESULT_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "client/array_view.h"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// Holds one reply; cheap to copy (copies share it), any thread may read. The views stay valid as
// long as one copy lives. An array that was not asked for is empty.
class RolloutResult {
 public:
  // INTERNAL where an array's bytes do not fit its shape.
  static absl::StatusOr<RolloutResult> FromReply(v1::RolloutReply reply);

  const std::string& model() const { return reply_->model(); }
  uint64_t version() const { return reply_->version(); }
  const std::string& id() const { return reply_->id(); }

  const ArrayView<float>& trajectory() const { return trajectory_; }      // [B, 1 + T / stride, 2n]
  const ArrayView<float>& final_state() const { return final_state_; }    // [B, 2n]
  const ArrayView<float>& total_return() const { return total_return_; }  // [B]
  const ArrayView<float>& rewards() const { return rewards_; }            // [B, T]
  // [B]: index of the first terminating state, T + 1 if none.
  const ArrayView<int32_t>& terminated_step() const { return terminated_step_; }
  // [B]: index of the first state that is not finite, T + 1 if all are. A lane that diverges is no
  // error: look here before using its numbers.
  const ArrayView<int32_t>& first_non_finite_step() const { return first_non_finite_step_; }
  // [B]: index of the first state outside the range of the model's data, T + 1 if none is.
  const ArrayView<int32_t>& first_outside_step() const { return first_outside_step_; }
  // Standard deviations over an ensemble's members, of the shapes of what they belong to.
  const ArrayView<float>& trajectory_spread() const { return trajectory_spread_; }
  const ArrayView<float>& final_state_spread() const { return final_state_spread_; }
  const ArrayView<float>& return_spread() const { return return_spread_; }

  // Bytes of the message as it came over the wire.
  size_t wire_size() const { return reply_->ByteSizeLong(); }

 private:
  RolloutResult() = default;

  std::shared_ptr<const v1::RolloutReply> reply_;
  ArrayView<float> trajectory_;
  ArrayView<float> final_state_;
  ArrayView<float> total_return_;
  ArrayView<float> rewards_;
  ArrayView<int32_t> terminated_step_;
  ArrayView<int32_t> first_non_finite_step_;
  ArrayView<int32_t> first_outside_step_;
  ArrayView<float> trajectory_spread_;
  ArrayView<float> final_state_spread_;
  ArrayView<float> return_spread_;
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUT_RESULT_H_
