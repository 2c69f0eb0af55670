// rolloutctl watch: the server's models and traffic, refreshed in place.
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/command_line.h"
#include "base/terminal.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/metrics_page.h"
#include "client/rolloutctl/model_text.h"
#include "client/rolloutctl/traffic_text.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

struct WatchOptions {
  std::string metrics;
  absl::Duration every = absl::Seconds(1);
  int64_t count = 0;  // 0 = until interrupted
};

// One look at the server.
struct Look {
  bool ready = false;
  std::vector<v1::Model> models;
  std::optional<Traffic> traffic;
};

absl::StatusOr<Look> TakeLook(const Client& client, const WatchOptions& options) {
  Look look;
  const absl::StatusOr<bool> ready = client.IsServing();
  if (!ready.ok()) return ready.status();
  look.ready = *ready;
  const absl::StatusOr<v1::ListModelsReply> list = client.ListModels();
  if (!list.ok()) return list.status();
  look.models.assign(list->models().begin(), list->models().end());
  if (!options.metrics.empty()) {
    const auto page = FetchMetrics(options.metrics, absl::Seconds(2));
    if (!page.ok()) return page.status();
    look.traffic = Traffic::From(ParseMetrics(*page), absl::Now());
  }
  return look;
}

void PrintJsonLine(const Client& client, const Look& look, const std::optional<Traffic>& before) {
  nlohmann::json models = nlohmann::json::array();
  for (const v1::Model& model : look.models) models.push_back(ModelJson(model));
  nlohmann::json json = {
      {"timestamp_seconds", absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch())},
      {"server", client.address()},
      {"ready", look.ready},
      {"models", models}};
  if (look.traffic.has_value() && before.has_value()) {
    json["traffic"] = TrafficJson(*before, *look.traffic);
  }
  std::puts(json.dump().c_str());
}

void PrintScreen(const Client& client, const Look& look, const std::optional<Traffic>& before) {
  const bool colours = HasColours(stdout);
  std::string text =
      absl::StrCat(Coloured("rolloutd", Colour::kBold, colours), " at ", client.address(), "  ",
                   look.ready ? Coloured("ready", Colour::kGreen, colours)
                              : Coloured("not ready", Colour::kRed, colours),
                   "  ", absl::FormatTime("%H:%M:%S", absl::Now(), absl::LocalTimeZone()), "\n\n",
                   ModelsTable(look.models, colours), "\n", HorizonErrorsTable(look.models));
  absl::StrAppend(&text, look.traffic.has_value()
                             ? TrafficText(before, *look.traffic)
                             : "traffic: give --metrics HOST:PORT (rolloutd's --metrics-listen)\n");
  // A terminal is redrawn in place; a file gets one screen after the other.
  if (isatty(STDOUT_FILENO)) {
    text = absl::StrCat("\033[H\033[J", text);
  } else {
    text += '\n';
  }
  std::fputs(text.c_str(), stdout);
}

void PrintAway(const Client& client, const absl::Status& status, bool json) {
  if (json) {
    std::puts(nlohmann::json({{"server", client.address()},
                              {"ready", false},
                              {"error", std::string(status.message())}})
                  .dump()
                  .c_str());
  } else {
    std::printf("%s: no answer (%s)\n", client.address().c_str(),
                std::string(status.message()).c_str());
  }
}

absl::Status Run(const CommonOptions& common, const WatchOptions& options) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  std::optional<Traffic> before;
  for (int64_t refresh = 1;; ++refresh) {
    absl::StatusOr<Look> look = TakeLook(**client, options);
    // A server that was there may come back: whoever watches wants to see that.
    const bool away = refresh > 1 && absl::IsUnavailable(look.status());
    if (!look.ok() && !away) return look.status();
    if (away) {
      PrintAway(**client, look.status(), common.json);
    } else if (common.json) {
      PrintJsonLine(**client, *look, before);
    } else {
      PrintScreen(**client, *look, before);
    }
    std::fflush(stdout);
    if (refresh == options.count) return absl::OkStatus();
    before = away ? std::nullopt : look->traffic;
    absl::SleepFor(options.every);
  }
}

}  // namespace

void AddWatchCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("watch", "show models, errors and traffic, refreshed until interrupted");
  auto options = std::make_shared<WatchOptions>();
  command->add_option("--metrics", options->metrics,
                      "host:port of the metrics page, for requests/s and latencies");
  AddDurationOption(command, "--every", &options->every, "time between refreshes");
  command->add_option("--count", options->count, "stop after so many refreshes (0 = never)")
      ->check(WholeNumberOfAtLeast(0));
  command->callback([=] { *exit_status = ExitStatus(Run(*common, *options)); });
}

}  // namespace rollout
