// The client of the serving benchmarks: the same for every server that is compared.
#ifndef ROLLOUT_BENCH_SERVING_CALL_LOAD_H_
#define ROLLOUT_BENCH_SERVING_CALL_LOAD_H_

#include <grpcpp/completion_queue.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/support/byte_buffer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rollout::bench {

// The client's own page faults, and the search for deadlocks that Debian's Abseil makes at each of
// gRPC's locks, are not what is measured. Call it first in main.
void SpeedUpClient();

// Unary calls of one method with requests that are bytes already, so that next to no time of the
// client's own is measured: one thread, one completion queue, replies not looked at.
class CallLoad {
 public:
  struct Options {
    std::string address;                // "127.0.0.1:8001"
    std::string method;                 // "/rollout.v1.TransitionModel/Rollout"
    std::vector<std::string> requests;  // asked in turn; at least one
    int in_flight = 1;
    int connections = 1;
  };

  // What one stretch came to.
  struct Stretch {
    std::vector<absl::Duration> latencies;  // of the calls that succeeded
    std::vector<int64_t> answered;          // how many of each request
    int64_t failed = 0;
    absl::Duration elapsed;  // from the first start to the last end
  };

  // Waits for the connections. UNAVAILABLE where nobody answers within 10 s.
  static absl::StatusOr<std::unique_ptr<CallLoad>> Connect(Options options);

  // The first request's reply.
  absl::StatusOr<std::string> CallOnce();

  // Closed loop: `in_flight` calls at a time, each replaced when it ends, until `duration` has
  // passed; then waits for the last ones. The message of a first failure goes to stderr.
  Stretch Run(absl::Duration duration);

  const Options& options() const { return options_; }

 private:
  struct Slot;

  explicit CallLoad(Options options);
  void StartCall(Slot* slot);

  const Options options_;
  std::vector<grpc::ByteBuffer> requests_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  grpc::CompletionQueue queue_;
  size_t next_request_ = 0;
};

}  // namespace rollout::bench

#endif  // ROLLOUT_BENCH_SERVING_CALL_LOAD_H_
