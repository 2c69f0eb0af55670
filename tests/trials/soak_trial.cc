#include "tests/trials/soak_trial.h"

#include <signal.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "experiments/figures/svg_plot.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/swap_windows.h"
#include "tests/trials/trial_scene.h"

namespace rollout {
namespace {

constexpr QueryShape kSmall = {4, 20};
constexpr QueryShape kLarge = {64, 100};
constexpr int kKeptVersions = 6;
// Somebody may stop all processes for a while, to measure something or to suspend the machine.
// Where this loop stood still for so long the latencies say nothing of the server.
constexpr absl::Duration kStandstill = absl::Seconds(1);
constexpr absl::Duration kDeadline = absl::Minutes(10);
constexpr absl::Duration kSettling = absl::Minutes(20);  // shorter soaks do not judge memory

struct Sample {
  double minutes = 0;
  ProcessResources resources;
  double heap_megabytes = 0;  // allocated
};

// What goes on besides the clients that ask, moment by moment.
class Disturbances {
 public:
  Disturbances(TrialScene* scene, const SoakOptions& options)
      : scene_(scene), options_(options), started_(absl::Now()) {}

  absl::Status Start() {
    for (const auto& [name, command, arguments] : {
             std::tuple<std::string, std::string, std::vector<std::string>>{
                 "stream", "stream", {"--lanes", "4", "--horizon", "20", "--in-flight", "2"}},
             {"abandon",
              "abandon",
              {"--lanes", "64", "--horizon", "100", "--in-flight", "4", "--out",
               scene_->path("abandon.requests")}},
             {"report", "report", {"--rate", "5"}},
         }) {
      auto client = scene_->StartClient(name, command, arguments);
      if (!client.ok()) return client.status();
      steady_.push_back(*std::move(client));
    }
    return absl::OkStatus();
  }

  // Does what is due now.
  absl::Status Step() {
    const int64_t looked = MonotonicNanoseconds();
    if (last_look_ns_ > 0 && looked - last_look_ns_ > absl::ToInt64Nanoseconds(kStandstill)) {
      standstills_.push_back({last_look_ns_, looked});
    }
    last_look_ns_ = looked;
    if (!scene_->server().running()) {
      const std::string log = scene_->server().Log();
      return absl::UnavailableError(
          absl::StrCat("rolloutd has ended; its last words: ",
                       log.substr(log.size() - std::min<size_t>(log.size(), 2000))));
    }
    const absl::Time now = absl::Now();
    if (now >= next_publication_) {
      next_publication_ = now + options_.publication_interval;
      if (absl::Status published = PublishOne(); !published.ok()) return published;
    }
    if (now >= next_crash_) {
      next_crash_ = now + absl::Seconds(random_.Uniform(1.0, 4.0));
      if (victim_ != nullptr) {
        victim_->Signal(SIGKILL);
        victim_.reset();
        ++crashes_;
      }
      auto client = scene_->StartClient("victim", "stream",
                                        {"--lanes", "64", "--horizon", "100", "--in-flight", "2"});
      if (!client.ok()) return client.status();
      victim_ = *std::move(client);
    }
    if (now >= next_sample_) {
      next_sample_ = now + options_.sample_interval;
      const auto resources = scene_->server().Resources();
      if (!resources.ok()) return resources.status();
      samples_.push_back({absl::ToDoubleMinutes(now - started_), *resources,
                          scene_->server().Metric("process_heap_bytes") / 1e6});
    }
    return absl::OkStatus();
  }

  // Ends the clients; those that ought to end well must.
  absl::Status Finish() {
    victim_.reset();
    for (const std::unique_ptr<ChildProcess>& client : steady_) client->Signal(SIGTERM);
    for (size_t i = 0; i < steady_.size(); ++i) {
      if (steady_[i]->Wait(absl::Seconds(60)) == 0) continue;
      return absl::UnavailableError(absl::StrCat("a client ended badly: ", scene_->LogOf("stream"),
                                                 scene_->LogOf("abandon"),
                                                 scene_->LogOf("report")));
    }
    return absl::OkStatus();
  }

  const std::vector<Sample>& samples() const { return samples_; }
  int publications() const { return publications_; }
  int crashes() const { return crashes_; }
  absl::Time started() const { return started_; }
  const std::vector<TimeSpan>& standstills() const { return standstills_; }

 private:
  absl::Status PublishOne() {
    TrialPublisher& publisher = scene_->publisher();
    const bool damaged = ++publications_ % 10 == 0;
    const auto version = damaged ? publisher.PublishDamaged(publications_ / 10 % publisher.kDamages)
                                 : publisher.Publish();
    if (!version.ok()) return version.status();
    return publisher.Prune(kKeptVersions);
  }

  TrialScene* const scene_;
  const SoakOptions& options_;
  const absl::Time started_;
  Random random_{1};
  absl::Time next_publication_ = absl::InfinitePast();
  absl::Time next_crash_ = absl::InfinitePast();
  absl::Time next_sample_ = absl::InfinitePast();
  std::vector<std::unique_ptr<ChildProcess>> steady_;
  std::unique_ptr<ChildProcess> victim_;
  std::vector<Sample> samples_;
  std::vector<TimeSpan> standstills_;
  int64_t last_look_ns_ = 0;
  int publications_ = 0;
  int crashes_ = 0;
};

// The mean of a part of the samples, from and to as fractions of all.
template <typename Value>
double Mean(const std::vector<Sample>& samples, double from, double to, Value value) {
  const auto first = static_cast<size_t>(from * samples.size());
  const size_t last = std::max(first + 1, static_cast<size_t>(to * samples.size()));
  double sum = 0;
  for (size_t i = first; i < last; ++i) sum += value(samples[i]);
  return sum / static_cast<double>(last - first);
}

double Megabytes(const Sample& sample) { return sample.resources.resident_bytes / 1e6; }
double Allocated(const Sample& sample) { return sample.heap_megabytes; }

// One value for each of `bins` equal stretches of the run.
struct Latencies {
  std::vector<double> minutes, p50, p99, answers, failures;
};
Latencies Binned(const std::vector<RequestRecord>& records, int bins,
                 const std::function<bool(const RequestRecord&)>& counts) {
  Latencies binned;
  if (records.empty()) return binned;
  const int64_t begin = records.front().due_ns;
  const int64_t length = (records.back().due_ns - begin) / bins + 1;
  std::vector<std::vector<RequestRecord>> parts(bins);
  for (const RequestRecord& record : records) {
    parts[(record.due_ns - begin) / length].push_back(record);
  }
  for (int i = 0; i < bins; ++i) {
    binned.minutes.push_back((i + 0.5) * static_cast<double>(length) / 60e9);
    binned.p50.push_back(LatencyPercentile(parts[i], 0.5, counts));
    binned.p99.push_back(LatencyPercentile(parts[i], 0.99, counts));
    binned.failures.push_back(static_cast<double>(CountFailures(parts[i])));
    binned.answers.push_back(static_cast<double>(parts[i].size()) - binned.failures.back());
  }
  return binned;
}

void Draw(const std::string& path, const std::vector<Sample>& samples, const Latencies& small) {
  // From zero, so that growth looks as large as it is.
  PlotLine memory{"resident", {0.0}, {0.0}}, heap{"allocated", {0.0}, {0.0}};
  PlotLine files{"open files", {}, {}}, threads{"threads", {}, {}};
  for (const Sample& sample : samples) {
    memory.x.push_back(sample.minutes);
    memory.y.push_back(sample.resources.resident_bytes / 1e6);
    heap.x.push_back(sample.minutes);
    heap.y.push_back(sample.heap_megabytes);
    files.x.push_back(sample.minutes);
    files.y.push_back(sample.resources.open_files);
    threads.x.push_back(sample.minutes);
    threads.y.push_back(sample.resources.threads);
  }
  WriteFile(
      path,
      DrawPanels({
          {"memory of rolloutd", "minutes", "MB", {memory, heap}},
          {"open files and threads", "minutes", "", {files, threads}},
          {"latency of small requests",
           "minutes",
           "ms",
           {{"p50", small.minutes, small.p50}, {"p99", small.minutes, small.p99}},
           false,
           true},
          {"requests of steady clients",
           "minutes",
           "in each stretch",
           {{"answered", small.minutes, small.answers}, {"failed", small.minutes, small.failures}}},
      }));
}

// Resident memory is told only: where the machine stood still, steady clients have their requests
// of that time answered at once, and malloc keeps what that took.
void JudgeMemory(const SoakOptions& options, const std::vector<Sample>& samples,
                 Judgements* judgements) {
  for (int sixth = 1; sixth <= 6; ++sixth) {
    const double from = (sixth - 1) / 6.0, to = sixth / 6.0;
    judgements->Tell(absl::StrCat("resident memory, mean of sixth ", sixth),
                     Mean(samples, from, to, Megabytes), " MB");
    judgements->Tell(absl::StrCat("allocated, mean of sixth ", sixth),
                     Mean(samples, from, to, Allocated), " MB");
  }
  // Until half-time windows of reported transitions, which are bounded, fill up.
  const double growth =
      Mean(samples, 5.0 / 6, 1.0, Allocated) - Mean(samples, 3.0 / 6, 4.0 / 6, Allocated);
  if (options.duration >= kSettling) {
    judgements->AtMost("allocated, mean of the last sixth over that of the fourth", growth, 1.0,
                       " MB");
  } else {
    judgements->Tell("allocated, mean of the last sixth over that of the fourth", growth, " MB");
  }
}

absl::Status JudgeAbandoned(TrialScene* scene, Judgements* judgements) {
  const auto records = ReadRequestLogs({scene->path("abandon.requests")});
  if (!records.ok()) return records.status();
  RightAnswers right(scene->publisher().spec(), kLarge);
  const auto wrong = CountWrongAnswers(*records, &right);
  if (!wrong.ok()) return wrong.status();
  int64_t strange = 0;
  for (const auto& [code, count] : CountCodes(*records)) {
    judgements->Tell(absl::StrCat("calls and answers of clients that give up: ", code),
                     static_cast<double>(count));
    const bool expected = code == "OK" || code == "DEADLINE_EXCEEDED" || code == "CANCELLED";
    if (!expected) strange += count;
  }
  if (strange > 0) std::fputs(scene->LogOf("abandon").c_str(), stderr);
  judgements->AtMost("clients that give up: other codes", static_cast<double>(strange), 0);
  judgements->AtMost("clients that give up: wrong answers", static_cast<double>(*wrong), 0);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSoak(const SoakOptions& options, Judgements* judgements) {
  SceneOptions scene_options;
  scene_options.server.poll_interval = absl::Milliseconds(200);
  auto started = TrialScene::Start(scene_options);
  if (!started.ok()) return started.status();
  TrialScene& scene = **started;
  Disturbances disturbances(&scene, options);
  if (absl::Status s = disturbances.Start(); !s.ok()) return s;
  if (absl::Status s =
          scene.StartAsking({.shape = kSmall, .rate = 25, .clients = 2, .deadline = kDeadline});
      !s.ok()) {
    return s;
  }
  const absl::Time end = absl::Now() + options.duration;
  while (absl::Now() < end) {
    if (absl::Status s = disturbances.Step(); !s.ok()) return s;
    absl::SleepFor(absl::Milliseconds(50));
  }
  const auto records = scene.FinishAsking();
  if (!records.ok()) return records.status();
  if (absl::Status s = disturbances.Finish(); !s.ok()) return s;

  judgements->Tell("minutes", absl::ToDoubleMinutes(absl::Now() - disturbances.started()));
  judgements->Tell("publications, one in ten damaged", disturbances.publications());
  judgements->Tell("clients killed", disturbances.crashes());
  RightAnswers right(scene.publisher().spec(), kSmall);
  if (absl::Status s = scene.JudgeAnswers(*records, &right, judgements); !s.ok()) return s;
  if (absl::Status s = JudgeAbandoned(&scene, judgements); !s.ok()) return s;
  judgements->Tell("transitions reported",
                   scene.server().Metric("rollout_reported_transitions_total"));
  const std::vector<Sample>& samples = disturbances.samples();
  JudgeMemory(options, samples, judgements);
  const int at_the_start = samples.front().resources.open_files;
  int open_files = -1;
  const absl::Status idle = WaitUntil("the clients' connections are gone", [&] {
    const auto now = scene.server().Resources();
    if (now.ok()) open_files = now->open_files;
    return now.ok() && open_files <= at_the_start;
  });
  judgements->Holds("open files are back to those at the start", idle.ok(),
                    absl::StrCat(open_files, " beside ", at_the_start));
  double still = 0;
  for (const TimeSpan& span : disturbances.standstills()) {
    still += 1e-9 * static_cast<double>(span.end_ns - span.begin_ns);
  }
  judgements->Tell("standstills of the whole machine", still, " s");
  const auto moving = [&](const RequestRecord& record) {
    return !MeetsAny(record, disturbances.standstills());
  };
  judgements->Tell("latency of small requests, p50", LatencyPercentile(*records, 0.5, moving),
                   " ms");
  judgements->Tell("latency of small requests, p99", LatencyPercentile(*records, 0.99, moving),
                   " ms");
  if (!options.figure.empty()) Draw(options.figure, samples, Binned(*records, 60, moving));
  return absl::OkStatus();
}

}  // namespace rollout
