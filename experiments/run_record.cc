#include "experiments/run_record.h"

#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

using Json = nlohmann::ordered_json;

// Six digits: what a figure can show, and half the bytes.
Json Number(double value) {
  if (!std::isfinite(value)) return nullptr;
  return Json::parse(absl::StrCat(value));
}

double ParseNumber(const Json& json) {
  return json.is_null() ? std::numeric_limits<double>::quiet_NaN() : json.get<double>();
}

}  // namespace

std::string ToJsonLine(const RunRecord& record) {
  Json metrics = Json::object();
  for (const auto& [name, value] : record.metrics) metrics[name] = Number(value);
  Json series = Json::object();
  for (const auto& [name, values] : record.series) {
    Json list = Json::array();
    for (const double value : values) list.push_back(Number(value));
    series[name] = std::move(list);
  }
  const Json json = {{"key", record.key},
                     {"settings", record.settings},
                     {"seed", record.seed},
                     {"outcome", record.outcome},
                     {"metrics", metrics},
                     {"series", series},
                     {"seconds", Number(record.seconds)}};
  return json.dump();
}

absl::StatusOr<RunRecord> ParseJsonLine(absl::string_view line) {
  try {
    const Json json = Json::parse(line.begin(), line.end());
    RunRecord record;
    record.key = json.at("key").get<std::string>();
    record.settings = json.at("settings").get<std::map<std::string, std::string>>();
    record.seed = json.at("seed").get<uint64_t>();
    record.outcome = json.at("outcome").get<std::string>();
    for (const auto& [name, value] : json.at("metrics").items()) {
      record.metrics[name] = ParseNumber(value);
    }
    for (const auto& [name, values] : json.at("series").items()) {
      for (const Json& value : values) record.series[name].push_back(ParseNumber(value));
    }
    record.seconds = ParseNumber(json.at("seconds"));
    return record;
  } catch (const nlohmann::json::exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("not a run's record: ", error.what()));
  }
}

}  // namespace rollout
