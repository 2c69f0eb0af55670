#include "server/recording/trace_context.h"

#include <algorithm>

namespace rollout {
namespace {

constexpr size_t kVersion = 2, kTrace = 32, kSpan = 16, kFlags = 2;
constexpr size_t kWhole = kVersion + 1 + kTrace + 1 + kSpan + 1 + kFlags;

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

std::optional<TraceContext> ParseTraceparent(absl::string_view text) {
  if (text.size() < kWhole) return std::nullopt;
  const absl::string_view version = text.substr(0, kVersion);
  const absl::string_view trace = text.substr(kVersion + 1, kTrace);
  const absl::string_view span = text.substr(kVersion + 1 + kTrace + 1, kSpan);
  const absl::string_view flags = text.substr(kWhole - kFlags, kFlags);
  for (const size_t dash : {kVersion, kVersion + 1 + kTrace, kWhole - kFlags - 1}) {
    if (text[dash] != '-') return std::nullopt;
  }
  for (const absl::string_view part : {version, trace, span, flags}) {
    if (!IsHex(part)) return std::nullopt;
  }
  if (version == "ff" || IsZero(trace) || IsZero(span)) return std::nullopt;
  // Later versions may say more, after another dash.
  if (text.size() > kWhole && (version == "00" || text[kWhole] != '-')) return std::nullopt;
  return TraceContext{std::string(trace), std::string(span)};
}

}  // namespace rollout
