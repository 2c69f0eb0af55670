// rolloutctl bench MODEL: load on a server, beside a bare gRPC echo of the same bytes.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/command_line.h"
#include "base/table.h"
#include "base/terminal.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/echo.h"
#include "client/rolloutctl/latencies.h"
#include "client/rolloutctl/load_generator.h"
#include "client/rolloutctl/model_text.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

// Server and echo take turns, so that a slow phase of the machine touches both.
constexpr int kRounds = 4;
constexpr absl::Duration kWarmUp = absl::Milliseconds(200);

// Set by Ctrl-C, which ends the measurement early and prints what there is; a handler can reach
// nothing but a variable of static storage.
std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

struct BenchOptions {
  std::string model;
  uint64_t version = 0;
  int64_t lanes = 1;
  int64_t horizon = 50;
  int concurrency = 1;
  int channels = 0;  // 0 = one for each call in flight, at most 4
  absl::Duration duration = absl::Seconds(5);
  std::string output = "final_state";
  bool no_echo = false;
};

// Numbers within what the model expects; speed does not depend on them.
struct RandomQuery {
  std::vector<float> state;
  std::vector<float> controls;
};

RandomQuery MakeQuery(const v1::ModelSpec& spec, const BenchOptions& options) {
  absl::BitGen generator;
  RandomQuery query;
  for (uint32_t d = 0; d < 2 * spec.num_positions(); ++d) {
    query.state.push_back(0.1f * absl::Uniform(generator, -1.0f, 1.0f));
  }
  for (int64_t step = 0; step < options.lanes * options.horizon; ++step) {
    for (uint32_t u = 0; u < spec.num_controls(); ++u) {
      const bool bounded = static_cast<int>(u) < spec.control_low_size();
      query.controls.push_back(absl::Uniform(generator, bounded ? spec.control_low(u) : -1.0f,
                                             bounded ? spec.control_high(u) : 1.0f));
    }
  }
  return query;
}

// What was measured on one side.
struct Side {
  LoadResult load;
  Latencies latencies;

  void Run(const StartCall& start, int concurrency, absl::Duration duration) {
    load.Append(GenerateLoad(start, concurrency, duration, &interrupted));
  }
  void Finish() { latencies.Add(load.latencies); }
  double PerSecond() const {
    return load.elapsed > absl::ZeroDuration()
               ? latencies.count() / absl::ToDoubleSeconds(load.elapsed)
               : 0.0;
  }
};

nlohmann::json SideJson(Side* side) {
  const auto seconds = [&](double fraction) {
    return absl::ToDoubleSeconds(side->latencies.Percentile(fraction));
  };
  return {{"requests", side->latencies.count()}, {"failures", side->load.failures},
          {"p50_seconds", seconds(0.5)},         {"p90_seconds", seconds(0.9)},
          {"p99_seconds", seconds(0.99)},        {"requests_per_second", side->PerSecond()}};
}

std::vector<std::string> SideRow(const std::string& name, Side* side, int64_t transitions) {
  std::vector<std::string> row = {name};
  for (const double fraction : {0.5, 0.9, 0.99}) {
    row.push_back(FormatMilliseconds(side->latencies.Percentile(fraction)));
  }
  row.push_back(absl::StrFormat("%.0f", side->PerSecond()));
  row.push_back(transitions == 0 ? "-" : absl::StrFormat("%.0f", side->PerSecond() * transitions));
  return row;
}

std::string Ratio(double value, double floor) {
  return floor > 0 ? absl::StrFormat("%.2fx", value / floor) : "-";
}

std::vector<std::string> RatioRow(Side* server, Side* echo) {
  std::vector<std::string> row = {"server / echo"};
  for (const double fraction : {0.5, 0.9, 0.99}) {
    row.push_back(Ratio(absl::ToDoubleSeconds(server->latencies.Percentile(fraction)),
                        absl::ToDoubleSeconds(echo->latencies.Percentile(fraction))));
  }
  row.push_back(Ratio(server->PerSecond(), echo->PerSecond()));
  row.push_back("-");
  return row;
}

class Bench {
 public:
  Bench(const BenchOptions& options, bool json) : options_(options), json_(json) {}

  absl::Status Run(const CommonOptions& common) {
    ClientOptions client_options;
    // A refusal is a result here, not something to hide behind a second attempt.
    client_options.retry.max_attempts = 1;
    client_options.channels = Channels();
    auto client = ConnectTo(common, client_options);
    if (!client.ok()) return client.status();
    if (absl::Status status = Prepare(**client); !status.ok()) return status;
    Measure(**client);
    if (json_) {
      PrintJson();
    } else {
      PrintTable();
    }
    if (server_.latencies.count() == 0) {
      return absl::UnavailableError(
          absl::StrCat("no request succeeded: ", server_.load.first_failure));
    }
    return absl::OkStatus();
  }

 private:
  int Channels() const {
    return options_.channels > 0 ? options_.channels : std::min(options_.concurrency, 4);
  }

  // Makes the query, asks it once, and starts an echo of what went over the wire.
  absl::Status Prepare(const Client& client) {
    const absl::StatusOr<v1::Model> model = client.GetModel(options_.model);
    if (!model.ok()) return model.status();
    const v1::ModelVersion* described = DescribedVersion(*model);
    if (described == nullptr) {
      return absl::UnavailableError(absl::StrCat("no version of ", options_.model,
                                                 " is loaded: rolloutctl models ", options_.model,
                                                 " says why"));
    }
    numbers_ = MakeQuery(described->spec(), options_);
    query_.model = options_.model;
    query_.version = options_.version;
    query_.lanes = options_.lanes;
    query_.horizon = options_.horizon;
    query_.initial_states = numbers_.state;
    query_.controls = numbers_.controls;
    query_.outputs.trajectory = options_.output == "trajectory";
    query_.outputs.final_state = options_.output == "final_state";
    query_.outputs.total_return = options_.output == "return";
    v1::RolloutRequest request;
    if (absl::Status status = FillRequest(query_, &request); !status.ok()) return status;
    request_bytes_ = request.ByteSizeLong();
    const absl::StatusOr<RolloutResult> result = client.Rollout(query_);
    if (!result.ok()) return result.status();
    reply_bytes_ = result->wire_size();
    served_version_ = result->version();
    if (options_.no_echo) return absl::OkStatus();
    auto echo = Echo::Start(request_bytes_, reply_bytes_, Channels());
    if (!echo.ok()) return echo.status();
    echo_ = *std::move(echo);
    return absl::OkStatus();
  }

  void Measure(const Client& client) {
    const StartCall ask = [&](std::function<void(absl::Status)> done) {
      client.RolloutAsync(query_, [done = std::move(done)](absl::StatusOr<RolloutResult> result) {
        done(result.status());
      });
    };
    const StartCall call_echo = [&](std::function<void(absl::Status)> done) {
      echo_->Call(std::move(done));
    };
    const RealClock clock;
    ProgressLine progress(stderr, absl::StrCat("bench ", options_.model), "rounds", kRounds,
                          &clock);
    std::signal(SIGINT, [](int) { interrupted = true; });
    GenerateLoad(ask, options_.concurrency, kWarmUp);
    if (echo_ != nullptr) GenerateLoad(call_echo, options_.concurrency, kWarmUp);
    for (int round = 0; round < kRounds && !interrupted; ++round) {
      progress.Update(round);
      server_.Run(ask, options_.concurrency, options_.duration / kRounds);
      if (echo_ == nullptr) continue;
      echo_side_.Run(call_echo, options_.concurrency, options_.duration / (2 * kRounds));
    }
    std::signal(SIGINT, SIG_DFL);
    progress.Finish();
    server_.Finish();
    echo_side_.Finish();
  }

  void PrintJson() {
    nlohmann::json json = SideJson(&server_);
    json["model"] = options_.model;
    json["version"] = served_version_;
    json["lanes"] = options_.lanes;
    json["horizon"] = options_.horizon;
    json["concurrency"] = options_.concurrency;
    json["channels"] = Channels();
    json["output"] = options_.output;
    json["transitions_per_second"] = server_.PerSecond() * options_.lanes * options_.horizon;
    json["request_bytes"] = request_bytes_;
    json["reply_bytes"] = reply_bytes_;
    if (echo_ != nullptr) json["echo"] = SideJson(&echo_side_);
    std::puts(json.dump().c_str());
  }

  void PrintTable() {
    std::printf(
        "%s version %llu: lanes %lld, horizon %lld, in flight %d, connections %d; "
        "%s up, %s down\n",
        options_.model.c_str(), static_cast<unsigned long long>(served_version_),
        static_cast<long long>(options_.lanes), static_cast<long long>(options_.horizon),
        options_.concurrency, Channels(), FormatBytes(request_bytes_).c_str(),
        FormatBytes(reply_bytes_).c_str());
    Table table({"", "p50", "p90", "p99", "requests/s", "transitions/s"});
    table.AddRow(SideRow("server", &server_, options_.lanes * options_.horizon));
    if (echo_ != nullptr) {
      table.AddRow(SideRow("bare echo", &echo_side_, 0));
      table.AddRow(RatioRow(&server_, &echo_side_));
    }
    std::fputs(table.ToString().c_str(), stdout);
    std::printf("latencies  %s  (a bar for each factor of two)\n",
                server_.latencies.Histogram().c_str());
    for (const auto& [code, count] : server_.load.failures) {
      std::printf("failed     %lld %s: %s\n", static_cast<long long>(count), code.c_str(),
                  server_.load.first_failure.c_str());
    }
  }

  static std::string FormatBytes(size_t bytes) {
    if (bytes < 10'000) return absl::StrCat(bytes, " B");
    return bytes < 10'000'000 ? absl::StrFormat("%.1f KB", bytes / 1e3)
                              : absl::StrFormat("%.1f MB", bytes / 1e6);
  }

  const BenchOptions options_;
  const bool json_;
  RandomQuery numbers_;
  RolloutArguments query_;
  size_t request_bytes_ = 0;
  size_t reply_bytes_ = 0;
  uint64_t served_version_ = 0;
  std::unique_ptr<Echo> echo_;
  Side server_;
  Side echo_side_;
};

}  // namespace

void AddBenchCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("bench",
                         "put load on a model and measure, beside a bare gRPC echo;\nCtrl-C ends "
                         "it early and prints what was measured");
  auto options = std::make_shared<BenchOptions>();
  command->add_option("model", options->model, "the model to ask")->required();
  command->add_option("--version", options->version, "a version (default: the one that serves)");
  command->add_option("--lanes", options->lanes, "control sequences a request")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--horizon", options->horizon, "transitions of each")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--concurrency", options->concurrency, "requests in flight")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_option("--channels", options->channels,
                      "connections (default: as many as in flight, at most 4)");
  AddDurationOption(command, "--duration", &options->duration, "how long the server is loaded");
  command->add_option("--output", options->output, "what the reply holds")
      ->check(CLI::IsMember({"final_state", "trajectory", "return"}))
      ->capture_default_str();
  command->add_flag("--no-echo", options->no_echo, "leave out the bare echo");
  command->callback([=] { *exit_status = ExitStatus(Bench(*options, common->json).Run(*common)); });
}

}  // namespace rollout
