#include "server/recording/access_log.h"

#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

namespace rollout {
namespace {

// A line is in the file this long after its request, at most.
constexpr absl::Duration kPatience = absl::Milliseconds(100);

}  // namespace

AccessLog::AccessLog(const AccessLogOptions& options, std::function<void(int64_t)> lost)
    : options_(options), lost_(std::move(lost)), queue_(options.queue_records) {}

absl::Status AccessLog::Open() {
  try {
    sink_ = std::make_shared<spdlog::sinks::rotating_file_sink_st>(
        options_.file, static_cast<size_t>(options_.file_bytes),
        static_cast<size_t>(options_.files));
    sink_->set_pattern("%v");
    writer_ = std::thread([this] { Run(); });
    return absl::OkStatus();
  } catch (const std::exception& error) {
    return absl::UnavailableError(error.what());
  }
}

AccessLog::~AccessLog() { Close(); }

void AccessLog::Write(AccessRecord record) {
  if (!queue_.Push(std::move(record), 1)) lost_(1);
}

void AccessLog::Close() {
  queue_.Close();
  if (writer_.joinable()) writer_.join();
}

void AccessLog::Run() {
  bool closed = false;
  while (!closed) {
    const std::vector<AccessRecord> records = queue_.TakeAll(kPatience, &closed);
    for (const AccessRecord& record : records) WriteLine(record);
    if (records.empty()) continue;
    try {
      sink_->flush();
      if (failing_) spdlog::info("event=access_log_written_again file={}", options_.file);
      failing_ = false;
    } catch (const std::exception& error) {
      Failed(error.what());
    }
  }
}

void AccessLog::WriteLine(const AccessRecord& record) {
  const std::string line = AccessLine(record);
  try {
    sink_->log(spdlog::details::log_msg("", spdlog::level::info, line));
  } catch (const std::exception& error) {
    lost_(1);
    Failed(error.what());
  }
}

void AccessLog::Failed(const char* reason) {
  if (!failing_) {
    spdlog::warn("event=access_log_not_written file={} reason=\"{}\"", options_.file, reason);
  }
  failing_ = true;
}

}  // namespace rollout
