// rolloutctl report MODEL FILE: tells the server how an episode really went.
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/command_line.h"
#include "base/terminal.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/episode_file.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

struct ReportOptions {
  std::string model;
  std::string file;
  std::string client = absl::StrCat("rolloutctl-", getpid());
  std::string episode;  // empty = the file's name
  int64_t chunk = 1000;
};

struct Sent {
  uint64_t accepted = 0;
  int64_t calls = 0;
  uint64_t windows_left_out = 0;  // reports came faster than the server computes
};

// Stretches of at most `chunk` transitions; each begins with the state that the one before ended
// with, so that the server joins them.
absl::StatusOr<Sent> Send(const Client& client, const ReportOptions& options,
                          const EpisodeFile& episode) {
  const int64_t total = episode.num_transitions();
  const int64_t state_size = episode.states.shape[1];
  const int64_t control_size = episode.controls.shape[1];
  const RealClock clock;
  ProgressLine progress(stderr, "report", "transitions", total, &clock);
  Sent sent;
  for (int64_t first = 0; first < total; first += options.chunk) {
    const int64_t count = std::min(options.chunk, total - first);
    const bool last = first + count == total;
    TransitionReport report;
    report.model = options.model;
    report.client = options.client;
    report.episode = options.episode;
    report.first_step = first;
    report.num_transitions = count;
    report.states = absl::MakeConstSpan(episode.states.values)
                        .subspan(first * state_size, (count + 1) * state_size);
    report.controls = absl::MakeConstSpan(episode.controls.values)
                          .subspan(first * control_size, count * control_size);
    report.period = episode.period;
    if (!episode.timestamps.values.empty()) {
      report.timestamps = absl::MakeConstSpan(episode.timestamps.values).subspan(first, count + 1);
    }
    report.terminated = last && episode.terminated;
    report.truncated = last && episode.truncated;
    const auto reply = client.ReportTransitions(report);
    if (!reply.ok()) return reply.status();
    sent.accepted += reply->accepted_transitions();
    sent.windows_left_out += reply->windows_left_out();
    ++sent.calls;
    progress.Update(first + count);
  }
  return sent;
}

absl::Status Run(const CommonOptions& common, ReportOptions options) {
  const absl::StatusOr<EpisodeFile> episode = ReadEpisode(options.file);
  if (!episode.ok()) return episode.status();
  if (options.episode.empty()) {
    options.episode = std::filesystem::path(options.file).stem().string();
  }
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const absl::StatusOr<Sent> sent = Send(**client, options, *episode);
  if (!sent.ok()) return sent.status();
  if (common.json) {
    std::puts(nlohmann::json({{"model", options.model},
                              {"client", options.client},
                              {"episode", options.episode},
                              {"transitions", episode->num_transitions()},
                              {"accepted_transitions", sent->accepted},
                              {"windows_left_out", sent->windows_left_out},
                              {"calls", sent->calls}})
                  .dump()
                  .c_str());
  } else {
    std::printf("%s: %lld of %lld transitions of episode %s accepted\n", options.model.c_str(),
                static_cast<long long>(sent->accepted),
                static_cast<long long>(episode->num_transitions()), options.episode.c_str());
    if (sent->windows_left_out > 0) {
      std::printf(
          "the server left %llu windows out of the prediction error: they came faster than "
          "it may compute\n",
          static_cast<unsigned long long>(sent->windows_left_out));
    }
  }
  return absl::OkStatus();
}

}  // namespace

void AddReportCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command = app.add_subcommand(
      "report", "send an observed episode, from which the server computes prediction errors");
  auto options = std::make_shared<ReportOptions>();
  command->add_option("model", options->model, "the model that predicts this system")->required();
  command
      ->add_option(
          "file", options->file,
          "the episode: .json {\"states\": [T+1][2n], \"controls\": [T][nu]}, if wanted with "
          "\"timestamps\": [T+1] in seconds, or the same from numpy.savez")
      ->required();
  command->add_option("--client", options->client, "who reports (default: this process)");
  command->add_option("--episode", options->episode, "the episode's name (default: the file's)");
  command->add_option("--chunk", options->chunk, "transitions a call")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->callback([=] { *exit_status = ExitStatus(Run(*common, *options)); });
}

}  // namespace rollout
