// What is written down of one request.
#ifndef ROLLOUT_SERVER_RECORDING_ACCESS_RECORD_H_
#define ROLLOUT_SERVER_RECORDING_ACCESS_RECORD_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/recording/trace_context.h"

namespace rollout {

// The parts of a request that was answered by an engine; they do not overlap.
struct RequestPhases {
  absl::Duration decode;   // from its arrival: parsing, checking, clipping
  absl::Duration queue;    // until its first lane was under way
  absl::Duration compute;  // until its last lane was done
  absl::Duration reply;    // until the reply's bytes were made
};

// A plain value.
struct AccessRecord {
  absl::Time time;      // when it was answered, wall clock
  std::string method;   // "TransitionModel/Rollout"
  std::string model;    // empty where the method names none, or nobody could read which
  int64_t version = 0;  // that answered; 0 = none
  std::string id;       // the caller's
  int64_t lanes = 0;
  int64_t horizon = 0;
  absl::Status status;
  absl::Duration duration;
  std::optional<RequestPhases> phases;
  std::optional<TraceContext> trace;
  std::string peer;  // "ipv4:127.0.0.1:41233"
};

// One JSON object on one line, without its end. Durations in seconds; what is not known is left
// out.
std::string AccessLine(const AccessRecord& record);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_ACCESS_RECORD_H_
