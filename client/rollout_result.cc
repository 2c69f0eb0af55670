#include "client/rollout_result.h"

#include <utility>

#include "client/tensor.h"

namespace rollout {
namespace {

// Stores the view in `*view`, or returns what is wrong with it.
template <typename Number>
absl::Status Assign(absl::StatusOr<ArrayView<Number>> found, ArrayView<Number>* view) {
  if (found.ok()) *view = *std::move(found);
  return found.status();
}

}  // namespace

absl::StatusOr<RolloutResult> RolloutResult::FromReply(v1::RolloutReply reply) {
  RolloutResult result;
  result.reply_ = std::make_shared<const v1::RolloutReply>(std::move(reply));
  const v1::RolloutReply& message = *result.reply_;
  for (const absl::Status& status : {
           Assign(FloatView(message.trajectory(), "trajectory"), &result.trajectory_),
           Assign(FloatView(message.final_state(), "final_state"), &result.final_state_),
           Assign(FloatView(message.total_return(), "total_return"), &result.total_return_),
           Assign(FloatView(message.rewards(), "rewards"), &result.rewards_),
           Assign(IntView(message.terminated_step(), "terminated_step"), &result.terminated_step_),
           Assign(IntView(message.first_non_finite_step(), "first_non_finite_step"),
                  &result.first_non_finite_step_),
           Assign(IntView(message.first_outside_step(), "first_outside_step"),
                  &result.first_outside_step_),
           Assign(FloatView(message.trajectory_spread(), "trajectory_spread"),
                  &result.trajectory_spread_),
           Assign(FloatView(message.final_state_spread(), "final_state_spread"),
                  &result.final_state_spread_),
           Assign(FloatView(message.return_spread(), "return_spread"), &result.return_spread_),
       }) {
    if (!status.ok()) return status;
  }
  return result;
}

}  // namespace rollout
