// What clients report of the world, kept for the trainer.
#ifndef ROLLOUT_SERVER_RECORDING_REPORT_RECORDER_H_
#define ROLLOUT_SERVER_RECORDING_REPORT_RECORDER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "base/clock.h"
#include "models/transition_model.h"
#include "server/prediction_error/reported_episodes.h"
#include "server/recording/bounded_queue.h"
#include "server/recording/joined_episodes.h"
#include "server/recording/recording_observer.h"
#include "server/recording/report_datasets.h"

namespace rollout {

struct ReportRecorderOptions {
  ReportDatasetsOptions datasets;  // an empty folder = nothing is recorded
  JoinedEpisodesOptions episodes;
  int64_t queue_bytes = int64_t{64} << 20;   // of reports that wait to be written
  absl::Duration retry = absl::Seconds(30);  // after the disk refused
  absl::Duration look = absl::Seconds(1);    // at what waits and what has grown old
};

// Joins reports to episodes and writes them to datasets, on a thread of its own: reports never wait
// for the disk. What does not fit into the queue, or the disk does not take, is counted, logged
// once, and left out; a while after the disk refused it is tried again. Owned by the server; any
// thread may record.
class ReportRecorder {
 public:
  // `clock` and `observer` outlive the recorder.
  ReportRecorder(const ReportRecorderOptions& options, const Clock* clock,
                 RecordingObserver* observer);
  ~ReportRecorder();
  ReportRecorder(const ReportRecorder&) = delete;
  ReportRecorder& operator=(const ReportRecorder&) = delete;

  // Takes a chunk that PredictionError::Report accepted, of the version that `model` is.
  void Record(std::shared_ptr<const TransitionModel> model, TransitionChunk chunk);

  // Cuts what is open and puts everything in place. One thread; may be called again.
  void Close();

 private:
  struct Report {
    std::shared_ptr<const TransitionModel> model;
    TransitionChunk chunk;
  };
  // What is written of one model, as one of its versions describes it.
  struct ModelReports {
    ModelReports(std::shared_ptr<const TransitionModel> version,
                 const ReportRecorderOptions& options);
    std::shared_ptr<const TransitionModel> version;
    JoinedEpisodes episodes;
    ReportDatasets datasets;
    absl::Time retry_at = absl::InfinitePast();
    bool failing = false;
  };

  void Run();
  void Write(const Report& report);
  void Append(ModelReports* model, std::vector<Episode> episodes);
  void Finish(ModelReports* model, bool always);
  void Tell(ModelReports* model, const absl::Status& status);
  ModelReports& Find(const std::shared_ptr<const TransitionModel>& version);

  const ReportRecorderOptions options_;
  const Clock* const clock_;
  RecordingObserver* const observer_;
  std::map<std::string, std::unique_ptr<ModelReports>> models_;  // of the writing thread
  BoundedQueue<Report> queue_;
  std::thread writer_;  // last: it uses everything above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_RECORDING_REPORT_RECORDER_H_
