#include "tests/trials/swap_windows.h"

#include <algorithm>
#include <map>

namespace rollout {
namespace {

// By version: when it, or a newer one, first answered.
std::map<uint64_t, int64_t> FirstAnswers(const std::vector<RequestRecord>& records) {
  std::map<uint64_t, int64_t> first;
  for (const RequestRecord& record : records) {
    if (!record.ok()) continue;
    const int64_t answered = record.due_ns + record.latency_ns;
    const auto [found, is_new] = first.try_emplace(record.version, answered);
    if (!is_new) found->second = std::min(found->second, answered);
  }
  int64_t newer = INT64_MAX;
  for (auto at = first.rbegin(); at != first.rend(); ++at) {
    newer = at->second = std::min(newer, at->second);
  }
  return first;
}

std::vector<TimeSpan> Joined(std::vector<TimeSpan> spans) {
  std::sort(spans.begin(), spans.end(),
            [](const TimeSpan& a, const TimeSpan& b) { return a.begin_ns < b.begin_ns; });
  std::vector<TimeSpan> joined;
  for (const TimeSpan& span : spans) {
    if (!joined.empty() && span.begin_ns <= joined.back().end_ns) {
      joined.back().end_ns = std::max(joined.back().end_ns, span.end_ns);
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

}  // namespace

SwapWindows FindSwapWindows(const std::vector<Publication>& publications,
                            const std::vector<RequestRecord>& records, int64_t margin_ns) {
  const std::map<uint64_t, int64_t> first = FirstAnswers(records);
  SwapWindows windows;
  std::vector<int64_t> lengths;
  for (const Publication& publication : publications) {
    if (!publication.good) continue;
    const auto answered = first.lower_bound(static_cast<uint64_t>(publication.version));
    if (answered == first.end()) {
      windows.never_answered.push_back(publication.version);
      continue;
    }
    const int64_t end = answered->second + margin_ns;
    windows.spans.push_back({publication.begin_ns, end});
    lengths.push_back(end - publication.begin_ns);
  }
  if (!lengths.empty()) {
    const auto middle = lengths.begin() + static_cast<int64_t>(lengths.size() / 2);
    std::nth_element(lengths.begin(), middle, lengths.end());
    windows.median_ns = *middle;
  }
  for (const Publication& publication : publications) {
    if (publication.good) continue;
    windows.spans.push_back({publication.begin_ns, publication.begin_ns + windows.median_ns});
  }
  windows.spans = Joined(std::move(windows.spans));
  return windows;
}

bool MeetsAny(const RequestRecord& record, const std::vector<TimeSpan>& spans) {
  // The first span that ends after the request began.
  const auto span = std::partition_point(
      spans.begin(), spans.end(), [&](const TimeSpan& s) { return s.end_ns < record.due_ns; });
  return span != spans.end() && span->begin_ns <= record.due_ns + record.latency_ns;
}

}  // namespace rollout
