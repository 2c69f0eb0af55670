#include "server/recording/access_record.h"

#include <nlohmann/json.hpp>

namespace rollout {

std::string AccessLine(const AccessRecord& record) {
  nlohmann::ordered_json line = {
      {"time", absl::FormatTime("%Y-%m-%dT%H:%M:%E6SZ", record.time, absl::UTCTimeZone())},
      {"method", record.method},
      {"code", absl::StatusCodeToString(record.status.code())}};
  if (!record.status.ok()) line["message"] = std::string(record.status.message());
  if (!record.model.empty()) line["model"] = record.model;
  if (record.version != 0) line["version"] = record.version;
  if (!record.id.empty()) line["id"] = record.id;
  if (record.lanes != 0) {
    line["lanes"] = record.lanes;
    line["horizon"] = record.horizon;
  }
  line["seconds"] = absl::ToDoubleSeconds(record.duration);
  if (record.phases) {
    line["decode_seconds"] = absl::ToDoubleSeconds(record.phases->decode);
    line["queue_seconds"] = absl::ToDoubleSeconds(record.phases->queue);
    line["compute_seconds"] = absl::ToDoubleSeconds(record.phases->compute);
    line["reply_seconds"] = absl::ToDoubleSeconds(record.phases->reply);
  }
  if (record.trace) {
    line["trace_id"] = record.trace->trace_id;
    line["span_id"] = record.trace->span_id;
  }
  if (!record.peer.empty()) line["peer"] = record.peer;
  // Names and ids are the callers': not always UTF-8.
  return line.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace rollout
