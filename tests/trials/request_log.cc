#include "tests/trials/request_log.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <system_error>
#include <type_traits>

#include "absl/strings/str_cat.h"
#include "tests/support/temporary_directory.h"

namespace rollout {

static_assert(std::is_trivially_copyable_v<RequestRecord>);

int64_t MonotonicNanoseconds() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void RequestLog::Add(const RequestRecord& record) {
  MutexLock lock(&mutex_);
  records_.push_back(record);
}

void RequestLog::AddFailure(RequestRecord record, const absl::Status& status) {
  record.code = static_cast<int32_t>(status.code());
  MutexLock lock(&mutex_);
  records_.push_back(record);
  messages_.try_emplace(record.code, std::string(status.message()));
}

absl::Status RequestLog::Flush() {
  std::vector<RequestRecord> records;
  {
    MutexLock lock(&mutex_);
    records.swap(records_);
  }
  std::ofstream file(path_, std::ios::binary | std::ios::app);
  file.write(reinterpret_cast<const char*>(records.data()),
             static_cast<std::streamsize>(records.size() * sizeof(RequestRecord)));
  file.close();
  if (!file) return absl::UnavailableError(absl::StrCat(path_, ": cannot be written"));
  return absl::OkStatus();
}

std::map<int, std::string> RequestLog::FirstMessages() {
  MutexLock lock(&mutex_);
  return messages_;
}

absl::StatusOr<std::vector<RequestRecord>> ReadRequestLogs(const std::vector<std::string>& paths) {
  std::vector<RequestRecord> records;
  for (const std::string& path : paths) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) {
      return absl::NotFoundError(absl::StrCat(path, ": a client wrote no log"));
    }
    const std::string bytes = ReadFile(path);
    const size_t count = bytes.size() / sizeof(RequestRecord);
    const size_t first = records.size();
    records.resize(first + count);
    std::memcpy(records.data() + first, bytes.data(), count * sizeof(RequestRecord));
  }
  std::sort(records.begin(), records.end(),
            [](const RequestRecord& a, const RequestRecord& b) { return a.due_ns < b.due_ns; });
  return records;
}

double LatencyPercentile(const std::vector<RequestRecord>& records, double fraction,
                         const std::function<bool(const RequestRecord&)>& counts) {
  std::vector<double> latencies;
  for (const RequestRecord& record : records) {
    if (record.ok() && (counts == nullptr || counts(record))) {
      latencies.push_back(record.latency_ms());
    }
  }
  if (latencies.empty()) return std::numeric_limits<double>::quiet_NaN();
  const auto rank = static_cast<int64_t>(std::ceil(fraction * latencies.size())) - 1;
  const auto at =
      latencies.begin() + std::clamp<int64_t>(rank, 0, static_cast<int64_t>(latencies.size()) - 1);
  std::nth_element(latencies.begin(), at, latencies.end());
  return *at;
}

std::map<std::string, int64_t> CountCodes(const std::vector<RequestRecord>& records) {
  std::map<std::string, int64_t> counts;
  for (const RequestRecord& record : records) {
    ++counts[absl::StatusCodeToString(static_cast<absl::StatusCode>(record.code))];
  }
  return counts;
}

int64_t CountFailures(const std::vector<RequestRecord>& records) {
  return std::count_if(records.begin(), records.end(),
                       [](const RequestRecord& record) { return !record.ok(); });
}

absl::StatusOr<int64_t> CountWrongAnswers(const std::vector<RequestRecord>& records,
                                          RightAnswers* right) {
  int64_t wrong = 0;
  for (const RequestRecord& record : records) {
    if (!record.ok()) continue;
    const auto digest = right->DigestOf(record.version, record.query);
    if (!digest.ok()) return digest.status();
    if (*digest != record.digest) ++wrong;
  }
  return wrong;
}

}  // namespace rollout
