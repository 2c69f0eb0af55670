#include "tests/trials/clients/stream.h"

#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "base/mutex.h"
#include "base/random.h"
#include "client/client.h"
#include "client/rollout_stream.h"
#include "tests/trials/clients/until_told.h"
#include "tests/trials/request_log.h"

namespace rollout {
namespace {

// The answers of streams: counts what is in flight, logs what came.
class Answers {
 public:
  explicit Answers(RequestLog* log) : log_(log) {}

  void Sent() {
    MutexLock lock(&mutex_);
    ++in_flight_;
  }

  void Take(const std::string& id, const absl::StatusOr<RolloutResult>& result) {
    RequestRecord record;
    record.due_ns = MonotonicNanoseconds();
    (void)absl::SimpleAtoi(id, &record.query);
    if (result.ok()) {
      record.version = result->version();
      record.digest = Digest(result->final_state().values);
      log_->Add(record);
    } else {
      log_->AddFailure(record, result.status());
    }
    MutexLock lock(&mutex_);
    --in_flight_;
    ++taken_;
    changed_.NotifyAll();
  }

  // Until fewer than `most` are in flight; at most a moment, so that the caller can look whether it
  // was told to end.
  bool HasRoom(int most) {
    MutexLock lock(&mutex_);
    if (in_flight_ >= most) changed_.WaitFor(&mutex_, absl::Milliseconds(20));
    return in_flight_ < most;
  }

  bool any() {
    MutexLock lock(&mutex_);
    return taken_ > 0;
  }

 private:
  RequestLog* const log_;
  Mutex mutex_;
  ConditionVariable changed_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t taken_ ABSL_GUARDED_BY(mutex_) = 0;
};

absl::Status WriteLog(const StreamOptions& options, RequestLog* log) {
  for (const auto& [code, message] : log->FirstMessages()) {
    std::fprintf(stderr, "first failure of code %d: %s\n", code, message.c_str());
  }
  return options.out.empty() ? absl::OkStatus() : log->Flush();
}

absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& server,
                                                absl::Duration deadline) {
  ClientOptions options;
  options.deadline = deadline;
  options.retry.max_attempts = 1;
  return Client::Connect(server, options);
}

}  // namespace

absl::Status Stream(const StreamOptions& options) {
  ToldToEnd();
  const auto spec = TrialSpec(options.model);
  if (!spec.ok()) return spec.status();
  const auto client = Connect(options.server, absl::InfiniteDuration());
  if (!client.ok()) return client.status();
  std::vector<TrialQuery> queries = MakeTrialQueries(*spec, options.shape);
  for (TrialQuery& query : queries) query.arguments.outputs.trajectory = options.trajectory;
  RequestLog log(options.out);
  Answers answers(&log);
  const auto stream = RolloutStream::Open(
      **client, [&](const std::string& id, const absl::StatusOr<RolloutResult>& result) {
        answers.Take(id, result);
      });
  const absl::Time end = absl::Now() + options.duration;
  bool told = false;
  for (int next = 0; !ToldToEnd() && absl::Now() < end;) {
    if (answers.any() && !told) {
      std::puts("streaming");
      std::fflush(stdout);
      told = true;
    }
    if (!answers.HasRoom(options.in_flight)) continue;
    answers.Sent();
    if (!stream->Send(queries[next].arguments).ok()) break;
    next = (next + 1) % kTrialQueries;
  }
  const absl::Status ended = stream->Close();
  if (absl::Status written = WriteLog(options, &log); !written.ok()) return written;
  return ended;
}

absl::Status Abandon(const StreamOptions& options) {
  ToldToEnd();
  const auto spec = TrialSpec(options.model);
  if (!spec.ok()) return spec.status();
  const auto client = Connect(options.server, absl::Milliseconds(1));
  if (!client.ok()) return client.status();
  const std::vector<TrialQuery> queries = MakeTrialQueries(*spec, options.shape);
  RequestLog log(options.out);
  Random random(1);
  const absl::Time end = absl::Now() + options.duration;
  for (int next = 0; !ToldToEnd() && absl::Now() < end; next = (next + 1) % kTrialQueries) {
    Answers answers(&log);
    {
      const auto stream = RolloutStream::Open(
          **client, [&](const std::string& id, const absl::StatusOr<RolloutResult>& result) {
            answers.Take(id, result);
          });
      for (int i = 0; i < options.in_flight; ++i) {
        answers.Sent();
        if (!stream->Send(queries[(next + i) % kTrialQueries].arguments).ok()) break;
      }
      absl::SleepFor(absl::Microseconds(random.Uniform(0.0, 5000.0)));
    }
    for (int i = 0; i < options.in_flight; ++i) {
      const absl::StatusOr<RolloutResult> result = (*client)->Rollout(queries[next].arguments);
      answers.Take(queries[next].arguments.id, result);
    }
    absl::SleepFor(absl::Microseconds(random.Uniform(0.0, 50000.0)));
  }
  return WriteLog(options, &log);
}

}  // namespace rollout
