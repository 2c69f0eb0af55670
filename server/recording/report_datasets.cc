#include "server/recording/report_datasets.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace rollout {
namespace {

constexpr char kPrefix[] = "reports-v";

DatasetInfo Info(const TransitionModelSpec& spec) {
  DatasetInfo info;
  info.num_positions = spec.num_positions;
  info.num_velocities = spec.num_positions;
  info.num_controls = spec.num_controls;
  info.dt = spec.transition_dt;
  info.angular_positions.assign(spec.angular_positions.begin(), spec.angular_positions.end());
  info.ignored_positions.assign(spec.ignored_positions.begin(), spec.ignored_positions.end());
  info.control_low.assign(spec.control_low.begin(), spec.control_low.end());
  info.control_high.assign(spec.control_high.begin(), spec.control_high.end());
  info.state_names = spec.state_names;
  info.control_names = spec.control_names;
  info.reward = spec.reward;
  info.termination = spec.termination;
  return info;
}

// N of reports-v<N>.
std::optional<int64_t> NumberOf(const std::filesystem::path& folder) {
  const std::string name = folder.filename().string();
  absl::string_view digits = name;
  int64_t number = 0;
  if (!absl::ConsumePrefix(&digits, kPrefix) || !absl::SimpleAtoi(digits, &number) || number < 0 ||
      absl::StrCat(kPrefix, number) != name) {
    return std::nullopt;
  }
  return number;
}

// Of the datasets in `folder`, rising.
std::vector<int64_t> Numbers(const std::string& folder) {
  std::vector<int64_t> numbers;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (const auto number = NumberOf(it->path())) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  return numbers;
}

}  // namespace

ReportDatasets::ReportDatasets(const TransitionModelSpec& spec,
                               const ReportDatasetsOptions& options)
    : info_(Info(spec)),
      options_(options),
      model_folder_((std::filesystem::path(options.folder) / spec.name).string()) {}

absl::Status ReportDatasets::Open(absl::Time now) {
  // The writer would make the folder: not where a storage is not mounted.
  std::error_code error;
  if (!std::filesystem::is_directory(options_.folder, error)) {
    return absl::UnavailableError(absl::StrCat(options_.folder, " is no folder"));
  }
  const std::vector<int64_t> numbers = Numbers(model_folder_);
  const std::string name = absl::StrCat(kPrefix, numbers.empty() ? 0 : numbers.back() + 1);
  const std::filesystem::path folder = std::filesystem::path(model_folder_) / name;
  DatasetInfo info = info_;
  info.id = absl::StrCat(std::filesystem::path(model_folder_).filename().string(), "/", name);
  open_folder_ = folder.string();
  auto writer = DatasetWriter::Create(open_folder_, info);
  if (!writer.ok()) {
    RemoveEmptyFolder();
    return writer.status();
  }
  writer_ = *std::move(writer);
  opened_ = now;
  bytes_ = 0;
  return absl::OkStatus();
}

absl::Status ReportDatasets::Append(Episode episode, absl::Time now) {
  const int64_t steps = episode.num_steps();
  if (writer_ == nullptr) {
    if (absl::Status opened = Open(now); !opened.ok()) {
      lost_steps_ += steps;
      return opened;
    }
  }
  episode.id = writer_->num_episodes();
  if (absl::Status appended = writer_->Append(episode); !appended.ok()) {
    lost_steps_ += steps;
    return Lost(appended);
  }
  const size_t numbers = episode.states.size() + episode.actions.size() + episode.rewards.size();
  bytes_ += static_cast<int64_t>(numbers * sizeof(double));
  return bytes_ >= options_.file_bytes ? Place() : absl::OkStatus();
}

absl::Status ReportDatasets::Finish(absl::Time now, bool always) {
  if (writer_ == nullptr) return absl::OkStatus();
  return always || now - opened_ >= options_.file_time ? Place() : absl::OkStatus();
}

absl::Status ReportDatasets::Place() {
  if (absl::Status closed = writer_->Close(); !closed.ok()) return Lost(closed);
  placed_steps_ += writer_->num_steps();
  writer_.reset();
  RemoveOldest();
  return absl::OkStatus();
}

absl::Status ReportDatasets::Lost(const absl::Status& why) {
  lost_steps_ += writer_->num_steps();
  writer_.reset();  // removes its temporary file
  RemoveEmptyFolder();
  return why;
}

void ReportDatasets::RemoveEmptyFolder() const {
  std::error_code error;  // whatever is not empty stays
  std::filesystem::remove(std::filesystem::path(open_folder_) / "data", error);
  std::filesystem::remove(open_folder_, error);
}

void ReportDatasets::RemoveOldest() {
  const std::vector<int64_t> numbers = Numbers(model_folder_);
  const size_t kept = static_cast<size_t>(options_.files);
  for (size_t i = 0; i + kept < numbers.size(); ++i) {
    std::error_code error;  // one that stays is found again next time
    std::filesystem::remove_all(
        std::filesystem::path(model_folder_) / absl::StrCat(kPrefix, numbers[i]), error);
  }
}

int64_t ReportDatasets::TakePlacedSteps() { return std::exchange(placed_steps_, 0); }
int64_t ReportDatasets::TakeLostSteps() { return std::exchange(lost_steps_, 0); }

}  // namespace rollout
