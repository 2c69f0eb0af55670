#include "tests/trials/clients/ask.h"

#include <sys/prctl.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <functional>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "base/random.h"
#include "client/client.h"
#include "tests/trials/clients/until_told.h"
#include "tests/trials/request_log.h"

namespace rollout {
namespace {

constexpr absl::Duration kFlushInterval = absl::Seconds(1);
constexpr auto kLook = std::chrono::milliseconds(50);

class Asker {
 public:
  Asker(const AskOptions& options, std::vector<TrialQuery> queries, Client* client, RequestLog* log)
      : options_(options),
        queries_(std::move(queries)),
        client_(client),
        log_(log),
        end_(options.duration == absl::InfiniteDuration()
                 ? std::chrono::steady_clock::time_point::max()
                 : std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(options.duration)) {
  }

  void OpenLoop() {
    Random random(options_.seed);
    auto due = std::chrono::steady_clock::now();
    while (due < end_) {
      const double gap = -std::log(1.0 - random.Uniform()) / options_.rate;
      due += std::chrono::nanoseconds(static_cast<int64_t>(1e9 * gap));
      while (std::chrono::steady_clock::now() < due) {
        if (ToldToEnd()) return;
        std::this_thread::sleep_until(std::min(due, std::chrono::steady_clock::now() + kLook));
      }
      if (ToldToEnd()) return;
      Send(due, static_cast<int>(random.UniformInteger(queries_.size())), [] {});
    }
  }

  void ClosedLoop() {
    for (int i = 0; i < options_.in_flight; ++i) AskOn(i);
    while (!Over()) std::this_thread::sleep_for(kLook);
  }

 private:
  bool Over() const { return ToldToEnd() || std::chrono::steady_clock::now() >= end_; }

  void AskOn(int query) {
    Send(std::chrono::steady_clock::now(), query, [this, query] {
      if (!Over()) AskOn((query + 1) % kTrialQueries);
    });
  }

  // `then` runs when the answer is there, on a thread of gRPC's.
  void Send(std::chrono::steady_clock::time_point due, int query, std::function<void()> then) {
    RequestRecord record;
    record.due_ns =
        std::chrono::duration_cast<std::chrono::nanoseconds>(due.time_since_epoch()).count();
    record.query = query;
    client_->RolloutAsync(queries_[query].arguments,
                          [this, record, then = std::move(then)](
                              const absl::StatusOr<RolloutResult>& result) mutable {
                            record.latency_ns = MonotonicNanoseconds() - record.due_ns;
                            if (result.ok()) {
                              record.version = result->version();
                              record.digest = Digest(result->final_state().values);
                              log_->Add(record);
                            } else {
                              log_->AddFailure(record, result.status());
                            }
                            then();
                          });
  }

  const AskOptions& options_;
  const std::vector<TrialQuery> queries_;
  Client* const client_;
  RequestLog* const log_;
  const std::chrono::steady_clock::time_point end_;
};

}  // namespace

absl::Status Ask(const AskOptions& options) {
  ToldToEnd();
  // Timers of this thread fire when they are due, not up to 50 us later.
  prctl(PR_SET_TIMERSLACK, 1);
  const auto spec = TrialSpec(options.model);
  if (!spec.ok()) return spec.status();
  ClientOptions client_options;
  client_options.deadline = options.deadline;
  client_options.retry.max_attempts = 1;  // a refusal is a result here
  auto client = Client::Connect(options.server, client_options);
  if (!client.ok()) return client.status();
  RequestLog log(options.out);
  std::atomic<bool> done = false;
  // Files may make their writer wait: not the thread that keeps time.
  std::thread flusher([&] {
    absl::Time last = absl::Now();
    while (!done) {
      absl::SleepFor(absl::Milliseconds(20));
      if (absl::Now() - last < kFlushInterval) continue;
      last = absl::Now();
      if (absl::Status s = log.Flush(); !s.ok()) std::fputs(s.ToString().c_str(), stderr);
    }
  });
  Asker asker(options, MakeTrialQueries(*spec, options.shape), client->get(), &log);
  if (options.rate > 0.0) {
    asker.OpenLoop();
  } else {
    asker.ClosedLoop();
  }
  client->reset();  // waits for the last answers
  done = true;
  flusher.join();
  for (const auto& [code, message] : log.FirstMessages()) {
    std::fprintf(stderr, "first failure of code %d: %s\n", code, message.c_str());
  }
  return log.Flush();
}

}  // namespace rollout
