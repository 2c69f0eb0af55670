// The trace that a call belongs to, as its metadata says.
#ifndef ROLLOUT_SERVER_RECORDING_TRACE_CONTEXT_H_
#define ROLLOUT_SERVER_RECORDING_TRACE_CONTEXT_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace rollout {

// The ids of the caller's span, in lower-case hexadecimal.
struct TraceContext {
  std::string trace_id;  // 32 digits
  std::string span_id;   // 16 digits
};

// Reads a `traceparent` (W3C Trace Context, Recommendation of 23 November 2021, section 3.2):
// version "-" trace-id "-" parent-id "-" trace-flags. nullopt where it is not one, as that page
// wants: ids of zeros alone, upper case, the version ff, or anything after the flags of version 00.
std::optional<TraceContext> ParseTraceparent(absl::string_view text);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_TRACE_CONTEXT_H_
