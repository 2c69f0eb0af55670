#include "experiments/runner.h"

#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "base/mutex.h"

namespace rollout {
namespace {

// What the threads share. Lives as long as MakeRuns.
class Progress {
 public:
  Progress(const RunnerOptions& options, int total, int found) : options_(options), total_(total) {
    summary_.found = found;
    options_.progress(found, total);
  }

  bool Stopped() const { return *options_.stop || failed_; }
  const std::atomic<bool>& stop() const { return *options_.stop; }

  void Ended(absl::StatusOr<RunRecord> record, ResultFile* results) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    // Only now: what a later build goes on from is not that build's.
    if (record.ok() && !options_.build.empty()) record->settings["build"] = options_.build;
    const absl::Status status = record.ok() ? results->Append(*record) : record.status();
    if (!status.ok()) {
      if (status_.ok()) status_ = status;
      failed_ = true;
      return;
    }
    ++summary_.made;
    summary_.diverged += absl::StartsWith(record->outcome, "diverged");
    options_.progress(summary_.found + summary_.made, total_);
  }

  absl::StatusOr<RunnerSummary> Result() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (!status_.ok()) return status_;
    if (*options_.stop) return absl::CancelledError("stopped; what is finished is kept");
    return summary_;
  }

 private:
  const RunnerOptions& options_;
  const int total_;
  std::atomic<bool> failed_ = false;
  Mutex mutex_;
  RunnerSummary summary_ ABSL_GUARDED_BY(mutex_);
  absl::Status status_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace

std::string PartialFiles(const std::string& partial, const std::string& key) {
  return absl::StrCat(partial, "/", absl::StrReplaceAll(key, {{"/", "-"}, {" ", "_"}}));
}

absl::StatusOr<RunnerSummary> MakeRuns(const std::vector<PlannedRun>& plan,
                                       const RunnerOptions& options, ResultFile* results) {
  std::vector<const PlannedRun*> missing;
  for (const PlannedRun& run : plan) {
    if (!results->Has(run.key)) missing.push_back(&run);
  }
  Progress progress(options, static_cast<int>(plan.size()),
                    static_cast<int>(plan.size() - missing.size()));
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    for (size_t i = next++; i < missing.size() && !progress.Stopped(); i = next++) {
      const PlannedRun& run = *missing[i];
      progress.Ended(run.make({progress.stop(), PartialFiles(options.partial, run.key)}), results);
    }
  };
  std::vector<std::thread> threads;
  for (int i = 1; i < options.threads; ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  return progress.Result();
}

}  // namespace rollout
