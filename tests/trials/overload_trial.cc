#include "tests/trials/overload_trial.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/rolloutctl/echo.h"
#include "client/rolloutctl/latencies.h"
#include "client/rolloutctl/load_generator.h"
#include "tests/trials/trial_scene.h"

namespace rollout {
namespace {

constexpr int kClients = 2;
constexpr absl::Duration kSettling = absl::Seconds(30);  // shorter overloads do not judge memory
constexpr int kRefused = static_cast<int>(absl::StatusCode::kResourceExhausted);

// Asks in a closed loop and returns what came back.
absl::StatusOr<std::vector<RequestRecord>> Closed(TrialScene* scene, const QueryShape& shape,
                                                  int clients, int in_flight,
                                                  absl::Duration duration) {
  absl::Status asking = scene->StartAsking({.shape = shape,
                                            .rate = 0.0,
                                            .in_flight = in_flight,
                                            .clients = clients,
                                            .duration = duration});
  if (!asking.ok()) return asking;
  return scene->FinishAsking();
}

// Answers a second, from the first due to the last answer.
double PerSecond(const std::vector<RequestRecord>& records) {
  int64_t begin = std::numeric_limits<int64_t>::max(), end = 0, answers = 0;
  for (const RequestRecord& record : records) {
    begin = std::min(begin, record.due_ns);
    end = std::max(end, record.due_ns + record.latency_ns);
    answers += record.ok() ? 1 : 0;
  }
  return end > begin ? 1e9 * static_cast<double>(answers) / static_cast<double>(end - begin) : 0.0;
}

// The bound of the bucket that holds the quantile: the value is at most that.
double UpperQuantile(const Buckets& buckets, double quantile) {
  const double count = buckets.empty() ? 0.0 : buckets.rbegin()->second;
  for (const auto& [bound, below] : buckets) {
    if (count > 0 && below >= quantile * count) return bound;
  }
  return std::numeric_limits<double>::quiet_NaN();
}

// Round trips of a bare gRPC call with messages of the same sizes, one at a time, p99.
absl::StatusOr<absl::Duration> EchoP99(const TransitionModelSpec& spec, const QueryShape& shape,
                                       absl::Duration duration) {
  v1::RolloutRequest request;
  const std::vector<TrialQuery> queries = MakeTrialQueries(spec, shape);
  if (absl::Status filled = FillRequest(queries[0].arguments, &request); !filled.ok()) {
    return filled;
  }
  const size_t reply_bytes = shape.lanes * spec.state_size() * sizeof(float);
  const auto echo = Echo::Start(request.ByteSizeLong(), reply_bytes, 1);
  if (!echo.ok()) return echo.status();
  const StartCall call = [&](std::function<void(absl::Status)> done) {
    (*echo)->Call(std::move(done));
  };
  GenerateLoad(call, 1, duration / 10);
  Latencies latencies;
  latencies.Add(GenerateLoad(call, 1, duration).latencies);
  return latencies.Percentile(0.99);
}

// What was seen while too much was asked.
struct Overload {
  std::vector<RequestRecord> records;
  std::vector<double> resident_bytes;  // every quarter of a second
};

absl::StatusOr<Overload> Overwhelm(TrialScene* scene, const OverloadOptions& options,
                                   double capacity) {
  Overload overload;
  absl::Status asking = scene->StartAsking({.shape = options.shape,
                                            .rate = options.load * capacity / kClients,
                                            .clients = kClients,
                                            .duration = options.duration});
  if (!asking.ok()) return asking;
  const absl::Time end = absl::Now() + options.duration;
  while (absl::Now() < end) {
    const auto resources = scene->server().Resources();
    if (!resources.ok()) return resources.status();
    overload.resident_bytes.push_back(resources->resident_bytes);
    absl::SleepFor(absl::Milliseconds(250));
  }
  auto records = scene->FinishAsking();
  if (!records.ok()) return records.status();
  overload.records = *std::move(records);
  return overload;
}

void JudgeMemory(const std::vector<double>& resident, absl::Duration duration,
                 Judgements* judgements) {
  // The first tenth may still grow to what a full queue takes.
  const size_t settled = resident.size() / 10;
  const double early = resident[settled];
  const double most =
      *std::max_element(resident.begin() + static_cast<int64_t>(settled), resident.end());
  for (size_t tenth = 1; tenth <= 10; ++tenth) {
    judgements->Tell(absl::StrCat("resident memory after ", 10 * tenth, "% of the time"),
                     resident[tenth * (resident.size() - 1) / 10] / 1e6, " MB");
  }
  if (duration >= kSettling) {
    judgements->AtMost("resident memory at most over that after the first tenth", most / early,
                       1.05);
  } else {
    judgements->Tell("resident memory at most over that after the first tenth", most / early);
  }
}

absl::Status JudgeOverload(const OverloadOptions& options, const Overload& overload,
                           double capacity, RightAnswers* right, Judgements* judgements) {
  int64_t refused = 0, strange = 0;
  for (const RequestRecord& record : overload.records) {
    if (record.code == kRefused) ++refused;
    if (!record.ok() && record.code != kRefused) ++strange;
  }
  const auto wrong = CountWrongAnswers(overload.records, right);
  if (!wrong.ok()) return wrong.status();
  const double asked = static_cast<double>(overload.records.size());
  judgements->Tell("requests asked", asked);
  judgements->Tell("accepted a second over the capacity", PerSecond(overload.records) / capacity);
  judgements->AtLeast("share of requests refused", static_cast<double>(refused) / asked, 0.1);
  judgements->AtMost("requests that ended otherwise", static_cast<double>(strange), 0);
  judgements->AtMost("wrong answers", static_cast<double>(*wrong), 0);
  JudgeMemory(overload.resident_bytes, options.duration, judgements);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunOverload(const OverloadOptions& options, Judgements* judgements) {
  SceneOptions scene_options;
  scene_options.model = "large";
  scene_options.server.arguments = {"--batch-lanes", absl::StrCat(options.batch_lanes),
                                    "--queue-lanes", absl::StrCat(options.queue_lanes),
                                    "--max-lanes",   absl::StrCat(options.queue_lanes)};
  const auto started = TrialScene::Start(scene_options);
  if (!started.ok()) return started.status();
  TrialScene& scene = **started;
  RightAnswers right(scene.publisher().spec(), options.shape);

  const auto echo = EchoP99(scene.publisher().spec(), options.shape, options.calm / 2);
  if (!echo.ok()) return echo.status();
  const QueryShape whole_batch = {options.batch_lanes, options.shape.horizon};
  const auto batches = Closed(&scene, whole_batch, 1, 1, options.calm / 2);
  if (!batches.ok()) return batches.status();
  const auto before = Closed(&scene, options.shape, 1, 1, options.calm);
  if (!before.ok()) return before.status();
  // As many in flight as batch and queue hold, so that the engine never waits for a request.
  const int in_flight =
      std::max(1, (options.batch_lanes + options.queue_lanes) / options.shape.lanes / kClients);
  const auto full = Closed(&scene, options.shape, kClients, in_flight, options.calm);
  if (!full.ok()) return full.status();
  const double capacity = PerSecond(*full);
  const auto overload = Overwhelm(&scene, options, capacity);
  if (!overload.ok()) return overload.status();
  const double refusal_ms =
      1e3 * UpperQuantile(scene.server().Durations("TransitionModel/Rollout", "RESOURCE_EXHAUSTED"),
                          0.99);
  const auto after = Closed(&scene, options.shape, 1, 1, options.calm);
  if (!after.ok()) return after.status();

  const double p99_before = LatencyPercentile(*before, 0.99);
  const double p99_after = LatencyPercentile(*after, 0.99);
  // The better one: a machine that was busy beforehand must not make the bound wider.
  const double unloaded = std::min(p99_before, p99_after);
  const double batch = LatencyPercentile(*batches, 0.5);
  const double echo_ms = absl::ToDoubleMilliseconds(*echo);
  judgements->Tell("capacity", capacity, " requests/s");
  judgements->Tell("one batch", batch, " ms");
  judgements->Tell("p50 unloaded", LatencyPercentile(*before, 0.5), " ms");
  judgements->Tell("p99 unloaded, the better of before and after", unloaded, " ms");
  judgements->Tell("p50 of what was accepted", LatencyPercentile(overload->records, 0.5), " ms");
  const double p99 = LatencyPercentile(overload->records, 0.99);
  judgements->Tell("p99 of what was accepted", p99, " ms");
  judgements->TimeAtMost("p99 of what was accepted, less one batch, over p99 unloaded",
                         (p99 - batch) / unloaded, 3.0, "");
  judgements->Tell("p99 of a bare echo's round trip, unloaded", echo_ms, " ms");
  judgements->Tell("p99 of refusals, from entry to finish, at most", refusal_ms, " ms");
  judgements->TimeAtMost("p99 of refusals over the echo's", refusal_ms / echo_ms, 10.0, "");
  judgements->Tell("p50 afterwards over p50 before",
                   LatencyPercentile(*after, 0.5) / LatencyPercentile(*before, 0.5));
  judgements->TimeAtMost("p99 afterwards over p99 before", p99_after / p99_before, 1.25, "");
  judgements->AtMost("failed requests before and after",
                     static_cast<double>(CountFailures(*before) + CountFailures(*after)), 0);
  return JudgeOverload(options, *overload, capacity, &right, judgements);
}

}  // namespace rollout
