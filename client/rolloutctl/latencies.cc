#include "client/rolloutctl/latencies.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace rollout {

void Latencies::Add(const std::vector<absl::Duration>& latencies) {
  values_.insert(values_.end(), latencies.begin(), latencies.end());
  sorted_ = false;
}

void Latencies::Sort() {
  if (!sorted_) std::sort(values_.begin(), values_.end());
  sorted_ = true;
}

absl::Duration Latencies::Percentile(double fraction) {
  if (values_.empty()) return absl::ZeroDuration();
  Sort();
  const double rank = std::ceil(fraction * values_.size());
  return values_[std::clamp<int64_t>(static_cast<int64_t>(rank) - 1, 0, values_.size() - 1)];
}

std::string Latencies::Histogram() {
  if (values_.empty()) return "";
  Sort();
  const double fastest = std::max(absl::ToDoubleSeconds(values_.front()), 1e-9);
  const auto bin = [&](absl::Duration value) {
    return static_cast<size_t>(
        std::max(0.0, std::floor(std::log2(absl::ToDoubleSeconds(value) / fastest))));
  };
  std::vector<size_t> counts(bin(values_.back()) + 1);
  for (const absl::Duration value : values_) ++counts[std::min(bin(value), counts.size() - 1)];
  const size_t highest = *std::max_element(counts.begin(), counts.end());
  static constexpr const char* kBars[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  std::string bars;
  for (const size_t count : counts) {
    // A bin that holds anything shows it.
    bars += kBars[count == 0 ? 0 : 1 + count * 7 / highest];
  }
  return absl::StrCat(FormatMilliseconds(values_.front()), " ", bars, " ",
                      FormatMilliseconds(values_.back()));
}

std::string FormatMilliseconds(absl::Duration duration) {
  return absl::StrFormat("%.3g ms", absl::ToDoubleMilliseconds(duration));
}

}  // namespace rollout
