#include "client/rolloutctl/traffic_text.h"

#include <cmath>
#include <map>
#include <tuple>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/table.h"
#include "client/rolloutctl/latencies.h"

namespace rollout {
namespace {

// What is shown of the time between two looks at the metrics.
struct MethodRate {
  std::string method;
  double per_second = 0.0;
  double failed_per_second = 0.0;
  double p50_seconds = 0.0;  // NaN without calls
  double p99_seconds = 0.0;
};

// An empty one where `map` has none.
template <typename Key>
Buckets Find(const std::map<Key, Buckets>& map, const Key& key) {
  const auto found = map.find(key);
  return found == map.end() ? Buckets() : found->second;
}

std::vector<MethodRate> MethodRates(const Traffic& before, const Traffic& now) {
  const double seconds = absl::ToDoubleSeconds(now.when - before.when);
  const auto since = [](const std::map<std::string, double>& then, const std::string& key,
                        double value) {
    const auto found = then.find(key);
    return found == then.end() ? value : value - found->second;
  };
  std::vector<MethodRate> rates;
  for (const auto& [method, calls] : now.calls) {
    MethodRate rate;
    rate.method = method;
    rate.per_second = since(before.calls, method, calls) / seconds;
    const auto failed = now.failures.find(method);
    if (failed != now.failures.end()) {
      rate.failed_per_second = since(before.failures, method, failed->second) / seconds;
    }
    const Buckets delta = Since(Find(before.durations, method), Find(now.durations, method));
    rate.p50_seconds = BucketQuantile(delta, 0.5);
    rate.p99_seconds = BucketQuantile(delta, 0.99);
    rates.push_back(rate);
  }
  return rates;
}

constexpr const char* kPhases[] = {"decode", "queue", "compute", "reply"};

// The phases of one version's rollouts between two looks.
struct VersionPhases {
  std::string model, version;
  double per_second = 0.0;
  std::map<std::string, Buckets> phases;
};

std::vector<VersionPhases> PhasesSince(const Traffic& before, const Traffic& now) {
  const double seconds = absl::ToDoubleSeconds(now.when - before.when);
  std::vector<VersionPhases> all;
  for (const auto& [key, phases] : now.phases) {
    VersionPhases version;
    std::tie(version.model, version.version) = key;
    const auto earlier = before.phases.find(key);
    for (const auto& [phase, buckets] : phases) {
      version.phases[phase] =
          Since(earlier == before.phases.end() ? Buckets() : Find(earlier->second, phase), buckets);
    }
    const Buckets replies = Find(version.phases, std::string("reply"));
    version.per_second = replies.empty() ? 0.0 : replies.rbegin()->second / seconds;
    all.push_back(std::move(version));
  }
  return all;
}

std::string Latency(double seconds) {
  return std::isfinite(seconds) ? FormatMilliseconds(absl::Seconds(seconds)) : "-";
}

std::string PhasesText(const Traffic& before, const Traffic& now) {
  Table table({"MODEL", "VERSION", "ROLLOUTS/S", "DECODE P50 / P99", "QUEUE", "COMPUTE", "REPLY"});
  for (const VersionPhases& version : PhasesSince(before, now)) {
    if (version.per_second <= 0.0) continue;
    std::vector<std::string> row = {version.model, version.version,
                                    absl::StrFormat("%.1f", version.per_second)};
    for (const char* phase : kPhases) {
      const Buckets buckets = Find(version.phases, std::string(phase));
      row.push_back(absl::StrCat(Latency(BucketQuantile(buckets, 0.5)), " / ",
                                 Latency(BucketQuantile(buckets, 0.99))));
    }
    table.AddRow(row);
  }
  return table.num_rows() == 0 ? "" : absl::StrCat(table.ToString(), "\n");
}

}  // namespace

std::string TrafficText(const std::optional<Traffic>& before, const Traffic& now) {
  if (!before.has_value()) return "traffic: measured from the second refresh on\n";
  const double seconds = absl::ToDoubleSeconds(now.when - before->when);
  Table table({"METHOD", "REQUESTS/S", "FAILED/S", "P50", "P99"});
  for (const MethodRate& rate : MethodRates(*before, now)) {
    table.AddRow({rate.method, absl::StrFormat("%.1f", rate.per_second),
                  absl::StrFormat("%.1f", rate.failed_per_second), Latency(rate.p50_seconds),
                  Latency(rate.p99_seconds)});
  }
  return absl::StrCat(
      PhasesText(*before, now), table.num_rows() == 0 ? "traffic: none yet\n" : table.ToString(),
      absl::StrFormat("%.3g transitions/s, %.0f lanes queued, %.1f rejected/s\n",
                      (now.transitions - before->transitions) / seconds, now.queue_lanes,
                      (now.rejected - before->rejected) / seconds));
}

nlohmann::json TrafficJson(const Traffic& before, const Traffic& now) {
  const double seconds = absl::ToDoubleSeconds(now.when - before.when);
  nlohmann::json methods = nlohmann::json::object();
  for (const MethodRate& rate : MethodRates(before, now)) {
    methods[rate.method] = {{"requests_per_second", rate.per_second},
                            {"failed_per_second", rate.failed_per_second},
                            {"p50_seconds", rate.p50_seconds},
                            {"p99_seconds", rate.p99_seconds}};
  }
  nlohmann::json versions = nlohmann::json::array();
  for (const VersionPhases& version : PhasesSince(before, now)) {
    nlohmann::json phases = nlohmann::json::object();
    for (const auto& [phase, buckets] : version.phases) {
      phases[phase] = {{"p50_seconds", BucketQuantile(buckets, 0.5)},
                       {"p99_seconds", BucketQuantile(buckets, 0.99)}};
    }
    versions.push_back({{"model", version.model},
                        {"version", version.version},
                        {"rollouts_per_second", version.per_second},
                        {"phases", phases}});
  }
  return {{"methods", methods},
          {"versions", versions},
          {"transitions_per_second", (now.transitions - before.transitions) / seconds},
          {"queue_lanes", now.queue_lanes},
          {"rejected_per_second", (now.rejected - before.rejected) / seconds}};
}

}  // namespace rollout
