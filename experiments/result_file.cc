#include "experiments/result_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include "absl/strings/str_cat.h"

namespace rollout {

absl::StatusOr<std::unique_ptr<ResultFile>> ResultFile::Open(const std::string& path) {
  { std::ofstream made(path, std::ios::app); }
  std::ifstream in(path);
  if (!in) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  const std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  auto file = std::unique_ptr<ResultFile>(new ResultFile(path));
  std::vector<RunRecord> records;
  size_t complete = 0;  // bytes of whole lines
  for (int number = 1; complete < text.size(); ++number) {
    const size_t end = text.find('\n', complete);
    if (end == std::string::npos) break;
    auto record = ParseJsonLine(absl::string_view(text).substr(complete, end - complete));
    if (!record.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", record.status().message()));
    }
    records.push_back(*std::move(record));
    complete = end + 1;
  }
  if (complete < text.size()) {
    std::ofstream(path, std::ios::trunc) << text.substr(0, complete);
  }
  MutexLock lock(&file->mutex_);
  file->records_ = std::move(records);
  return file;
}

bool ResultFile::Has(const std::string& key) const {
  MutexLock lock(&mutex_);
  return std::any_of(records_.begin(), records_.end(),
                     [&](const RunRecord& record) { return record.key == key; });
}

std::vector<RunRecord> ResultFile::records() const {
  MutexLock lock(&mutex_);
  return records_;
}

absl::Status ResultFile::Append(const RunRecord& record) {
  MutexLock lock(&mutex_);
  std::ofstream out(path_, std::ios::app);
  out << ToJsonLine(record) << '\n';
  out.flush();
  if (!out) {
    return absl::UnavailableError(
        absl::StrCat(path_, ": cannot be written: ", std::strerror(errno)));
  }
  records_.push_back(record);
  return absl::OkStatus();
}

}  // namespace rollout
