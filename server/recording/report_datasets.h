// The datasets that one model's reports are appended to.
#ifndef ROLLOUT_SERVER_RECORDING_REPORT_DATASETS_H_
#define ROLLOUT_SERVER_RECORDING_REPORT_DATASETS_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "datasets/dataset.h"
#include "datasets/dataset_writer.h"
#include "models/transition_model.h"

namespace rollout {

struct ReportDatasetsOptions {
  std::string folder;                            // exists; <folder>/<model>/reports-v<N> are made
  int64_t file_bytes = int64_t{64} << 20;        // of numbers in one dataset
  absl::Duration file_time = absl::Minutes(10);  // from its first episode to being put in place
  int files = 16;                                // newest datasets kept of each model
};

// <folder>/<model>/reports-v0, -v1, ... in Minari's layout: with MINARI_DATASETS_PATH=<folder> they
// are the datasets `<model>/reports-v<N>`. Each is put in place whole, when it is large or old
// enough; then the oldest ones beyond `files` are removed. One thread; the folder belongs to one
// server.
class ReportDatasets {
 public:
  ReportDatasets(const TransitionModelSpec& spec, const ReportDatasetsOptions& options);

  // UNAVAILABLE with the reason where the folder is missing or the disk refuses. What was appended
  // since the last dataset was put in place is lost then: lost_steps().
  absl::Status Append(Episode episode, absl::Time now);

  // Puts the open dataset in place where it is old enough, or `always`.
  absl::Status Finish(absl::Time now, bool always);

  // Since the last call: steps that are in place, and that an error took.
  int64_t TakePlacedSteps();
  int64_t TakeLostSteps();

 private:
  absl::Status Open(absl::Time now);
  absl::Status Place();
  absl::Status Lost(const absl::Status& why);
  void RemoveOldest();
  void RemoveEmptyFolder() const;

  const DatasetInfo info_;  // without id
  const ReportDatasetsOptions options_;
  const std::string model_folder_;
  std::unique_ptr<DatasetWriter> writer_;  // null = none open
  std::string open_folder_;
  absl::Time opened_;
  int64_t bytes_ = 0;
  int64_t placed_steps_ = 0;
  int64_t lost_steps_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_REPORT_DATASETS_H_
