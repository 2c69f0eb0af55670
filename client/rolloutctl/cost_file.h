// A quadratic cost as people write it down.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_COST_FILE_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_COST_FILE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/rollout_arguments.h"

namespace rollout {

// The numbers of a RolloutCost, which only views them.
struct CostNumbers {
  std::vector<float> state, control, control_change, terminal, reference, last_control;
  int64_t reference_rows = 1;
  bool add_reward = false;

  // Of this object, which must outlive it.
  RolloutCost View() const;
};

// `text` is a JSON object with the fields of DiagonalCost, {"state": [1, 0], "control": [0.1],
// "reference": [[0, 0]], "add_reward": false}, each of which may be missing, or the name of a .json
// file that holds one. INVALID_ARGUMENT naming the field.
absl::StatusOr<CostNumbers> ReadCost(const std::string& text);

// What --cost says of itself.
const char* CostHelp();

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_COST_FILE_H_
