// The processes that fit one model together.
#ifndef ROLLOUT_TRAINER_FITTING_PROCESS_GROUP_H_
#define ROLLOUT_TRAINER_FITTING_PROCESS_GROUP_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"

namespace rollout {

struct ProcessGroupOptions {
  std::string host;  // of process 0, which holds the store through which all exchange
  int port = 29500;
  int process = 0;  // this one, from 0
  int size = 1;     // how many there are
  // For all to come, and for each to answer in every exchange.
  absl::Duration timeout = absl::Minutes(5);
};

// Data-parallel fits: every process computes the gradient of its share of each batch, and all go on
// with the mean. What is exchanged goes through LibTorch's TCPStore in process 0: (N - 1) N times
// the gradient a step, small beside the large batches that are worth a second process. (Gloo is in
// LibTorch too, but its headers are not.) The calls must be the same, in the same order, in every
// process. One owner, one thread.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  virtual int process() const = 0;
  virtual int size() const = 0;

  // Replaces `numbers` and `values` by their means over the processes, and `flag` by whether any
  // process has set it. Every process adds up in the same order and holds the same bits afterwards.
  // UNAVAILABLE where a process did not answer within the timeout or the store has gone.
  virtual absl::Status Mean(absl::Span<double> numbers, absl::Span<float> values, bool* flag) = 0;

  // FAILED_PRECONDITION, naming `what` and both values, where a process has another `value`.
  virtual absl::Status Agree(absl::string_view what, const std::string& value) = 0;

  // Until every process has come here: process 0 must not take the store away before.
  virtual absl::Status Finish() = 0;
};

// Waits until all processes have come. UNAVAILABLE where they do not within the timeout.
absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinProcessGroup(const ProcessGroupOptions& options);

// The same, told by the variables that launchers for torch.distributed set: RANK, WORLD_SIZE,
// MASTER_ADDR and MASTER_PORT. nullptr where WORLD_SIZE is not set or 1. INVALID_ARGUMENT, naming
// the variable, where one is missing or is no number in its range.
absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinProcessGroupOfEnvironment();

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_PROCESS_GROUP_H_
