#include "experiments/result_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {

namespace {

struct WholeLines {
  std::vector<RunRecord> records;
  std::string text;     // the lines
  bool is_all = false;  // nothing was cut short behind them
};

absl::StatusOr<WholeLines> ReadWholeLines(const std::string& path) {
  std::ifstream in(path);
  if (!in) {
    return absl::NotFoundError(absl::StrCat(path, ": cannot be opened: ", std::strerror(errno)));
  }
  std::string text((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  WholeLines lines;
  size_t complete = 0;  // bytes of whole lines
  for (int number = 1; complete < text.size(); ++number) {
    const size_t end = text.find('\n', complete);
    if (end == std::string::npos) break;
    auto record = ParseJsonLine(absl::string_view(text).substr(complete, end - complete));
    if (!record.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, ":", number, ": ", record.status().message()));
    }
    lines.records.push_back(*std::move(record));
    complete = end + 1;
  }
  lines.is_all = complete == text.size();
  text.resize(complete);
  lines.text = std::move(text);
  return lines;
}

}  // namespace

absl::StatusOr<std::vector<RunRecord>> ResultFile::Read(const std::string& path) {
  auto lines = ReadWholeLines(path);
  if (!lines.ok()) return lines.status();
  return std::move(lines->records);
}

absl::StatusOr<std::unique_ptr<ResultFile>> ResultFile::Open(const std::string& path) {
  { std::ofstream made(path, std::ios::app); }
  auto lines = ReadWholeLines(path);
  if (!lines.ok()) return lines.status();
  if (!lines->is_all) std::ofstream(path, std::ios::trunc) << lines->text;
  auto file = std::unique_ptr<ResultFile>(new ResultFile(path));
  MutexLock lock(&file->mutex_);
  file->records_ = std::move(lines->records);
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
