#include "server/prediction_error/prediction_error.h"

#include <algorithm>
#include <map>
#include <utility>

namespace rollout {
namespace {

// Windows of one length: lanes of one job, and where its trajectories go.
struct LengthGroup {
  std::vector<const PredictionWindow*> windows;
  std::vector<float> initial_states;
  std::vector<float> controls;
  std::vector<float> trajectory;
};

std::map<int64_t, LengthGroup> GroupByLength(const std::vector<PredictionWindow>& batch) {
  std::map<int64_t, LengthGroup> groups;
  for (const PredictionWindow& window : batch) {
    LengthGroup& group = groups[window.length()];
    group.windows.push_back(&window);
    group.initial_states.insert(group.initial_states.end(), window.initial_state.begin(),
                                window.initial_state.end());
    group.controls.insert(group.controls.end(), window.controls.begin(), window.controls.end());
  }
  return groups;
}

}  // namespace

PredictionError::PredictionError(const TransitionModelSpec& spec, RolloutFunction rollout,
                                 const PredictionErrorOptions& options)
    : options_(options),
      state_size_(spec.state_size()),
      difference_(spec),
      rollout_(std::move(rollout)),
      random_(options.sampling_seed),
      episodes_(spec, options.episodes),
      horizons_(kNumHorizons,
                HorizonErrors(std::min(
                    options.recent_windows,
                    std::max<int64_t>(16, options.max_recent_numbers / spec.state_size())))),
      worker_([this] { Work(); }) {}

PredictionError::~PredictionError() {
  cancelled_ = true;
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  worker_.join();
}

absl::Duration RestAfter(absl::Duration busy, double share) { return busy * (1.0 / share - 1.0); }

absl::StatusOr<PredictionError::Reported> PredictionError::Report(const TransitionChunk& chunk) {
  MutexLock lock(&mutex_);
  const int64_t room = options_.max_queued_transitions - queued_transitions_;
  int64_t left_out = 0;
  absl::StatusOr<ReportedEpisodes::Added> added = episodes_.Add(
      chunk, [&, this](std::vector<WindowPlace>* places) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        left_out = ThinWindows(room, &random_, places);
      });
  if (!added.ok()) return added.status();
  reported_transitions_ += chunk.num_transitions;
  windows_left_out_ += left_out;
  for (PredictionWindow& window : added->windows) {
    queued_transitions_ += window.length();
    queue_.push_back(std::move(window));
  }
  changed_.NotifyAll();
  return Reported{added->joined, left_out};
}

PredictionError::Batch PredictionError::TakeBatch() {
  Batch batch;
  int64_t numbers = 0;
  while (!queue_.empty() && static_cast<int64_t>(batch.size()) < options_.max_lanes) {
    const int64_t more = (queue_.front().length() + 1) * state_size_;
    if (!batch.empty() && numbers + more > options_.max_trajectory_numbers) break;
    numbers += more;
    queued_transitions_ -= queue_.front().length();
    batch.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return batch;
}

void PredictionError::Work() {
  while (true) {
    Batch batch;
    {
      MutexLock lock(&mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(&mutex_);
      while (!stopping_ && clock_.Now() < rest_until_) {
        changed_.WaitFor(&mutex_, rest_until_ - clock_.Now());
      }
      if (stopping_) return;
      batch = TakeBatch();
      computing_ = true;
    }
    std::vector<WindowError> errors;
    const absl::Time start = clock_.Now();
    const absl::Status status = Compute(batch, &errors);
    const absl::Time end = clock_.Now();
    MutexLock lock(&mutex_);
    rest_until_ = end + RestAfter(end - start, options_.max_compute_share);
    computing_ = false;
    if (status.ok()) {
      for (const WindowError& error : errors) horizons_[error.horizon_index].Add(error);
    } else {
      windows_failed_ += static_cast<int64_t>(batch.size());
      last_failure_ = status;
    }
    changed_.NotifyAll();
  }
}

absl::Status PredictionError::Compute(const Batch& batch, std::vector<WindowError>* errors) {
  std::map<int64_t, LengthGroup> groups = GroupByLength(batch);
  std::vector<RolloutJob> jobs;
  for (auto& [length, group] : groups) {
    RolloutJob& job = jobs.emplace_back();
    job.lanes = static_cast<int64_t>(group.windows.size());
    job.horizon = length;
    job.initial_states = group.initial_states;
    job.controls = group.controls;
    job.cancelled = &cancelled_;
    group.trajectory.resize(job.lanes * (length + 1) * state_size_);
    job.trajectory = absl::MakeSpan(group.trajectory);
  }
  if (absl::Status status = rollout_(jobs); !status.ok()) return status;
  for (const auto& [length, group] : groups) {
    const int64_t numbers = (length + 1) * state_size_;
    for (size_t lane = 0; lane < group.windows.size(); ++lane) {
      const auto trajectory =
          absl::MakeConstSpan(group.trajectory).subspan(lane * numbers, numbers);
      for (const WindowError& error :
           CompareWindow(*group.windows[lane], trajectory, difference_)) {
        errors->push_back(error);
      }
    }
  }
  return absl::OkStatus();
}

PredictionErrorReport PredictionError::Snapshot() const {
  MutexLock lock(&mutex_);
  PredictionErrorReport report;
  for (int k = 0; k < kNumHorizons; ++k) {
    report.horizons.push_back({HorizonAt(k), horizons_[k].totals(), horizons_[k].recent()});
  }
  report.reported_transitions = reported_transitions_;
  report.windows_left_out = windows_left_out_;
  report.windows_failed = windows_failed_;
  report.stretches_closed_early = episodes_.closed_early();
  report.last_failure = last_failure_;
  return report;
}

std::vector<std::vector<double>> PredictionError::DimensionErrors() const {
  MutexLock lock(&mutex_);
  std::vector<std::vector<double>> errors;
  for (const HorizonErrors& horizon : horizons_) {
    errors.push_back(horizon.DimensionErrors(difference_));
  }
  return errors;
}

std::vector<RecentWindows> PredictionError::Windows() const {
  MutexLock lock(&mutex_);
  std::vector<RecentWindows> windows;
  for (const HorizonErrors& horizon : horizons_) windows.push_back(horizon.windows());
  return windows;
}

void PredictionError::Flush() {
  MutexLock lock(&mutex_);
  while (!queue_.empty() || computing_) changed_.Wait(&mutex_);
}

}  // namespace rollout
