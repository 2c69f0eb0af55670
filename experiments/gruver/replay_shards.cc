#include "experiments/gruver/replay_shards.h"

#include <algorithm>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "datasets/dataset_reader.h"
#include "datasets/dataset_writer.h"

namespace rollout {
namespace {

// Numbered from 0 on, as a dataset's are.
absl::Status AppendNumbered(Episode episode, DatasetWriter* writer) {
  episode.id = writer->num_episodes();
  return writer->Append(episode);
}

absl::Status Remove(const std::string& file) {
  std::error_code error;
  std::filesystem::remove(file, error);
  if (!error) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("cannot remove ", file, ": ", error.message()));
}

}  // namespace

ReplayShards::ReplayShards(std::string folder, DatasetInfo info)
    : folder_(std::move(folder)), info_(std::move(info)) {}

std::vector<ReplayShards::Shard> ReplayShards::Closed() const {
  std::vector<Shard> shards;
  std::error_code none;  // a folder that is not there holds nothing
  for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    absl::string_view number = name;
    Shard shard{0, entry.path().string()};
    if (absl::ConsumePrefix(&number, "replay-") && absl::ConsumeSuffix(&number, ".hdf5") &&
        absl::SimpleAtoi(number, &shard.step)) {
      shards.push_back(std::move(shard));
    }
  }
  std::sort(shards.begin(), shards.end(),
            [](const Shard& a, const Shard& b) { return a.step < b.step; });
  return shards;
}

absl::Status ReplayShards::KeepUpTo(int64_t step) {
  for (const Shard& shard : Closed()) {
    if (shard.step <= step) continue;
    if (absl::Status status = Remove(shard.file); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ReplayShards::Close(int64_t step) {
  if (open_.empty()) return absl::OkStatus();
  auto writer = DatasetWriter::Create(absl::StrCat(folder_, "/replay-", step, ".hdf5"), info_);
  if (!writer.ok()) return writer.status();
  for (Episode& episode : open_) {
    absl::Status status = AppendNumbered(std::move(episode), writer->get());
    if (!status.ok()) return status;
  }
  open_.clear();
  return (*writer)->Close();
}

absl::Status ReplayShards::Merge(const std::string& file) {
  auto writer = DatasetWriter::Create(file, info_);
  if (!writer.ok()) return writer.status();
  const std::vector<Shard> shards = Closed();
  for (const Shard& shard : shards) {
    const auto reader = DatasetReader::Open(shard.file);
    if (!reader.ok()) return reader.status();
    for (int64_t i = 0; i < (*reader)->num_episodes(); ++i) {
      auto episode = (*reader)->Read(i);
      if (!episode.ok()) return episode.status();
      absl::Status status = AppendNumbered(*std::move(episode), writer->get());
      if (!status.ok()) return status;
    }
  }
  absl::Status status = (*writer)->Close();
  for (const Shard& shard : shards) {
    if (status.ok()) status = Remove(shard.file);
  }
  return status;
}

}  // namespace rollout
