#include "tests/trials/swaps_trial.h"

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/admin_client.h"
#include "tests/trials/swap_windows.h"
#include "tests/trials/trial_scene.h"

namespace rollout {
namespace {

constexpr QueryShape kShape = {4, 50};
constexpr int kKeptVersions = 6;
constexpr double kMostRatio = 1.5;    // of p99 during swaps over that between
constexpr double kMostGrowth = 1.05;  // of memory at the end over that after kSettled
constexpr int kSettled = 50;          // publications after which memory should no longer grow
constexpr int64_t kMarginNanoseconds = 5'000'000;
constexpr absl::Duration kWarmUp = absl::Seconds(1);
constexpr absl::Duration kStandstill = absl::Milliseconds(40);

// What is wrong with a server whose trial must not pass.
enum class Wrong { kNothing, kStandsStill, kKeepsVersions, kUnloads };

struct Findings {
  std::vector<RequestRecord> records;
  SwapWindows windows;
  std::unique_ptr<TrialScene> scene;
  double settled_bytes = 0, end_bytes = 0;
  std::vector<double> megabytes;  // after each tenth of the publications
  int64_t in_windows = 0;

  double P99(bool in_window) const {
    return LatencyPercentile(records, 0.99, [&](const RequestRecord& record) {
      return MeetsAny(record, windows.spans) == in_window;
    });
  }
  double Ratio() const { return P99(true) / P99(false); }
  double Growth() const { return end_bytes / settled_bytes; }
};

absl::Status DoWrong(Wrong wrong, TrialScene* scene, Client* client) {
  if (wrong == Wrong::kStandsStill) {
    // As a server does that loads on the threads that answer.
    scene->server().process().Signal(SIGSTOP);
    absl::SleepFor(kStandstill);
    scene->server().process().Signal(SIGCONT);
  } else if (wrong == Wrong::kUnloads) {
    const AdminClient admin(client);
    const std::string model = scene->publisher().spec().name;
    if (auto reply = admin.Unload(model, 0); !reply.ok()) return reply.status();
    absl::SleepFor(kStandstill);
    if (auto reply = admin.Load(model, 0); !reply.ok()) return reply.status();
  }
  return absl::OkStatus();
}

absl::StatusOr<Findings> Try(const SwapsOptions& options, int count, Wrong wrong) {
  Findings findings;
  SceneOptions scene_options;
  scene_options.model = "large";
  if (wrong == Wrong::kKeepsVersions) {
    scene_options.server.arguments = {"--loaded-versions", "1000"};
  }
  auto started = TrialScene::Start(scene_options);
  if (!started.ok()) return started.status();
  findings.scene = *std::move(started);
  TrialScene& scene = *findings.scene;
  const auto client = Client::Connect(scene.server().address());
  if (!client.ok()) return client.status();
  absl::Status asking = scene.StartAsking({.shape = kShape, .rate = options.rate, .clients = 2});
  if (!asking.ok()) return asking;
  absl::SleepFor(kWarmUp);

  std::vector<Publication> publications;
  absl::Time next = absl::Now();
  for (int number = 1; number <= count; ++number) {
    absl::SleepFor(next - absl::Now());
    next += options.interval;
    Publication publication;
    publication.begin_ns = MonotonicNanoseconds();
    publication.good = number % 10 != 0;
    const auto version =
        publication.good ? scene.publisher().Publish()
                         : scene.publisher().PublishDamaged(number / 10 % TrialPublisher::kDamages);
    if (!version.ok()) return version.status();
    publication.version = *version;
    publications.push_back(publication);
    if (publication.good) {
      if (absl::Status done = DoWrong(wrong, &scene, client->get()); !done.ok()) return done;
    }
    // A version that is gone from the disk is unloaded, whatever may be kept.
    if (wrong != Wrong::kKeepsVersions) {
      if (absl::Status s = scene.publisher().Prune(kKeptVersions); !s.ok()) return s;
    }
    if (number == kSettled || number * 10 % count == 0) {
      const auto resources = scene.server().Resources();
      if (!resources.ok()) return resources.status();
      if (number * 10 % count == 0) {
        findings.megabytes.push_back(resources->resident_bytes / 1e6);
      }
      findings.end_bytes = resources->resident_bytes;
      if (number <= kSettled) findings.settled_bytes = resources->resident_bytes;
    }
  }
  absl::SleepFor(kWarmUp);
  auto records = scene.FinishAsking();
  if (!records.ok()) return records.status();
  findings.records = *std::move(records);
  findings.windows = FindSwapWindows(publications, findings.records, kMarginNanoseconds);
  for (const RequestRecord& record : findings.records) {
    if (MeetsAny(record, findings.windows.spans)) ++findings.in_windows;
  }
  return findings;
}

absl::Status JudgeSwaps(const SwapsOptions& options, Judgements* judgements) {
  const auto found = Try(options, options.publications, Wrong::kNothing);
  if (!found.ok()) return found.status();
  judgements->Tell("publications, one in ten damaged", options.publications);
  judgements->AtMost("good versions that never answered",
                     static_cast<double>(found->windows.never_answered.size()), 0);
  RightAnswers right(found->scene->publisher().spec(), kShape);
  absl::Status judged = found->scene->JudgeAnswers(found->records, &right, judgements);
  if (!judged.ok()) return judged;
  judgements->Tell("from before publication to the first answer, median",
                   1e-6 * static_cast<double>(found->windows.median_ns - kMarginNanoseconds),
                   " ms");
  judgements->Tell("requests that met a swap", static_cast<double>(found->in_windows));
  judgements->Tell("p99 while a version is swapped", found->P99(true), " ms");
  judgements->Tell("p99 between swaps", found->P99(false), " ms");
  judgements->TimeAtMost("p99 while a version is swapped over that between", found->Ratio(),
                         kMostRatio, "");
  judgements->Tell("resident memory after the first 50", found->settled_bytes / 1e6, " MB");
  for (size_t tenth = 0; tenth < found->megabytes.size(); ++tenth) {
    judgements->Tell(absl::StrCat("resident memory after ", 10 * (tenth + 1), "% of them"),
                     found->megabytes[tenth], " MB");
  }
  const std::string growth = "resident memory at the end over that after the first 50";
  if (options.publications > 2 * kSettled) {
    judgements->AtMost(growth, found->Growth(), kMostGrowth);
  } else {
    judgements->Tell(growth, found->Growth());
  }
  return absl::OkStatus();
}

absl::Status JudgeControls(const SwapsOptions& options, Judgements* judgements) {
  const auto still = Try(options, options.control_publications, Wrong::kStandsStill);
  if (!still.ok()) return still.status();
  judgements->AtLeast("control: p99 ratio of a server that stands still at each swap",
                      still->Ratio(), kMostRatio);
  const auto keeps = Try(options, options.control_publications, Wrong::kKeepsVersions);
  if (!keeps.ok()) return keeps.status();
  judgements->AtLeast("control: memory growth of a server that keeps every version",
                      keeps->Growth(), kMostGrowth);
  const auto unloads = Try(options, options.control_publications, Wrong::kUnloads);
  if (!unloads.ok()) return unloads.status();
  const int64_t failures = CountFailures(unloads->records);
  judgements->AtLeast("control: failed requests of a server that unloads before it loads",
                      static_cast<double>(failures), 1);
  return absl::OkStatus();
}

}  // namespace

absl::Status RunSwaps(const SwapsOptions& options, Judgements* judgements) {
  if (absl::Status judged = JudgeSwaps(options, judgements); !judged.ok()) return judged;
  if (options.control_publications == 0) return absl::OkStatus();
  return JudgeControls(options, judgements);
}

}  // namespace rollout
