// The states and controls that rollout, gradient and linearize ask about.
#ifndef ROLLOUT_CLIENT_ROLLOUTCTL_QUERY_ARRAYS_H_
#define ROLLOUT_CLIENT_ROLLOUTCTL_QUERY_ARRAYS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "client/rolloutctl/command.h"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// Which model, from which state, under which controls.
struct QueryOptions {
  std::string model;
  uint64_t version = 0;
  std::string label;
  std::string state;
  std::string controls;
  std::string episode;
  int64_t start = 0;
  int64_t horizon = 0;
  int64_t hold = 1;
  bool no_clip = false;
};

void AddQueryOptions(CLI::App* command, QueryOptions* options);
// What CLI11 cannot say of them; throws its errors.
void RequireState(const QueryOptions& options);

// The numbers of a query.
struct QueryArrays {
  std::vector<float> states;  // [num_states, 2n]
  int64_t num_states = 1;
  std::vector<float> controls;  // [lanes, horizon / hold, nu]
  int64_t lanes = 1;
  int64_t horizon = 0;
};

// INVALID_ARGUMENT or NOT_FOUND naming the option, what was found and what was expected.
absl::StatusOr<QueryArrays> ReadQuery(const QueryOptions& options, int num_controls);

// The model's version that serves, or else tells of itself; UNAVAILABLE where none does.
absl::StatusOr<v1::ModelSpec> FindSpec(const Client& client, const std::string& model);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ROLLOUTCTL_QUERY_ARRAYS_H_
