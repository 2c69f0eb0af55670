#include "experiments/partial_record.h"

#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace rollout {

PartialRecord::PartialRecord(std::string file, RunRecord fresh)
    : file_(std::move(file)), record_(std::move(fresh)) {
  std::ifstream in(file_);
  std::string line;
  if (!std::getline(in, line)) return;
  auto found = ParseJsonLine(line);
  if (found.ok() && found->settings == record_.settings) record_ = *std::move(found);
  seconds_before_ = record_.seconds;
}

void PartialRecord::CountSeconds() {
  record_.seconds = seconds_before_ + absl::ToDoubleSeconds(clock_.Now() - start_);
}

void PartialRecord::Write() {
  CountSeconds();
  const std::string temporary = file_ + ".new";
  std::ofstream(temporary, std::ios::trunc) << ToJsonLine(record_) << '\n';
  std::error_code ignored;  // then the half way's figures are measured again or missing, no more
  std::filesystem::rename(temporary, file_, ignored);
}

RunRecord PartialRecord::Finish() {
  CountSeconds();
  std::error_code ignored;
  std::filesystem::remove(file_, ignored);
  return record_;
}

}  // namespace rollout
