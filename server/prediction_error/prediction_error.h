// How well a served version predicts what clients then observed.
#ifndef ROLLOUT_SERVER_PREDICTION_ERROR_PREDICTION_ERROR_H_
#define ROLLOUT_SERVER_PREDICTION_ERROR_PREDICTION_ERROR_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"
#include "server/prediction_error/reported_episodes.h"
#include "server/prediction_error/window_error.h"

namespace rollout {

struct PredictionErrorOptions {
  ReportedEpisodesOptions episodes;
  // Transitions of rollouts that may wait to be computed. Beyond, windows are left out at random.
  int64_t max_queued_transitions = 1 << 16;
  // What the recent error rests on, for each horizon.
  int64_t recent_windows = 1024;
  // Fewer where states are large: numbers kept of the recent windows of one horizon.
  int64_t max_recent_numbers = 1 << 18;
  // Share of its time that the computing thread may spend in the engine, which serves requests too;
  // in (0, 1]. What comes faster waits, and then is sampled.
  double max_compute_share = 0.25;
  // Of one call of the engine: lanes, and numbers of all its trajectories.
  int64_t max_lanes = 256;
  int64_t max_trajectory_numbers = 1 << 20;
  uint64_t sampling_seed = 1;
};

// What is known at one moment.
struct PredictionErrorReport {
  struct Horizon {
    int64_t horizon = 0;
    HorizonErrors::Totals totals;
    HorizonErrors::Recent recent;
  };
  std::vector<Horizon> horizons;  // 1, 2, 4, ... 256
  int64_t reported_transitions = 0;
  int64_t windows_left_out = 0;        // reports came faster than the engine computes
  int64_t windows_failed = 0;          // the engine refused; last_failure says why
  int64_t stretches_closed_early = 0;  // more episodes at a time than are kept
  absl::Status last_failure;
};

// How long to rest after `busy` so that no more than `share` of the time is spent.
absl::Duration RestAfter(absl::Duration busy, double share);

// Takes reports of observed transitions for one version of a model, computes open-loop rollouts
// beside them, and keeps the errors. Owned by whoever holds the loaded version, and lives as long;
// any thread may call anything. Report returns at once: rollouts are computed by one thread of this
// object. Memory is bounded: open stretches, queued windows, one batch, recent windows.
class PredictionError {
 public:
  // How rollouts are computed: blocks until done, as Engine::Rollout does; called from this
  // object's thread alone.
  using RolloutFunction = std::function<absl::Status(absl::Span<const RolloutJob>)>;

  PredictionError(const TransitionModelSpec& spec, RolloutFunction rollout,
                  const PredictionErrorOptions& options = {});
  // Cancels what is being computed and drops what waits.
  ~PredictionError();
  PredictionError(const PredictionError&) = delete;
  PredictionError& operator=(const PredictionError&) = delete;

  struct Reported {
    bool joined = false;           // goes on with what was reported before
    int64_t windows_left_out = 0;  // of those that it completed
  };
  // INVALID_ARGUMENT as ReportedEpisodes::Add.
  absl::StatusOr<Reported> Report(const TransitionChunk& chunk);

  PredictionErrorReport Snapshot() const;

  // [horizons][2n] normalised RMSE over the recent windows (HorizonErrors::DimensionErrors).
  std::vector<std::vector<double>> DimensionErrors() const;

  // A copy of the recent windows of each horizon, for CompareOnSharedWindows.
  std::vector<RecentWindows> Windows() const;

  // Blocks until everything that was reported before has its error.
  void Flush();

 private:
  // Lanes of one length, computed together.
  using Batch = std::vector<PredictionWindow>;

  Batch TakeBatch() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Work();
  absl::Status Compute(const Batch& batch, std::vector<WindowError>* errors);

  const PredictionErrorOptions options_;
  const int state_size_;
  const StateDifference difference_;
  const RolloutFunction rollout_;
  std::atomic<bool> cancelled_ = false;

  mutable Mutex mutex_;
  ConditionVariable changed_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  bool computing_ ABSL_GUARDED_BY(mutex_) = false;
  Random random_ ABSL_GUARDED_BY(mutex_);
  ReportedEpisodes episodes_ ABSL_GUARDED_BY(mutex_);
  std::deque<PredictionWindow> queue_ ABSL_GUARDED_BY(mutex_);
  int64_t queued_transitions_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<HorizonErrors> horizons_ ABSL_GUARDED_BY(mutex_);
  int64_t reported_transitions_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t windows_left_out_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t windows_failed_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status last_failure_ ABSL_GUARDED_BY(mutex_);

  absl::Time rest_until_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  const SteadyClock clock_;

  std::thread worker_;  // last: it uses all of the above
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_PREDICTION_ERROR_PREDICTION_ERROR_H_
