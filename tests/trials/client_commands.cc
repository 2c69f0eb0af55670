#include "tests/trials/client_commands.h"

#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tests/trials/clients/ask.h"
#include "tests/trials/clients/connections.h"
#include "tests/trials/clients/report.h"
#include "tests/trials/clients/stream.h"

namespace rollout {
namespace {

// What the command line may say to any of them; each takes what it needs.
struct ClientArguments {
  std::string server, model = "small", out;
  QueryShape shape;
  double rate = 0.0;
  int in_flight = 1;
  double seconds = 0.0;  // 0 = until it is told to end
  double deadline = 30.0;
  uint64_t seed = 1;
  bool trajectory = false;
  int connections = 10000;
  bool silent = false;

  absl::Duration duration() const {
    return seconds > 0.0 ? absl::Seconds(seconds) : absl::InfiniteDuration();
  }
};

absl::Status RunAsk(const ClientArguments& a) {
  return Ask({a.server, a.model, a.shape, a.rate, a.in_flight, a.duration(),
              absl::Seconds(a.deadline), a.seed, a.out});
}
StreamOptions StreamOf(const ClientArguments& a) {
  return {a.server, a.model, a.shape, a.in_flight, a.trajectory, a.duration(), a.out};
}
absl::Status RunStream(const ClientArguments& a) { return Stream(StreamOf(a)); }
absl::Status RunAbandon(const ClientArguments& a) { return Abandon(StreamOf(a)); }
absl::Status RunReport(const ClientArguments& a) {
  return Report({a.server, a.model, a.rate, a.duration()});
}
absl::Status RunHold(const ClientArguments& a) {
  return HoldConnections({a.server, a.connections, a.silent});
}

void AddCommand(CLI::App& app, const std::string& name, const std::string& what,
                absl::Status (*run)(const ClientArguments&), int* exit_status) {
  CLI::App* command = app.add_subcommand(name, what)->group("Client processes");
  auto arguments = std::make_shared<ClientArguments>();
  command->add_option("--server", arguments->server, "HOST:PORT")->required();
  command->add_option("--model", arguments->model, "small, large or heavy");
  command->add_option("--lanes", arguments->shape.lanes);
  command->add_option("--horizon", arguments->shape.horizon);
  command->add_option("--rate", arguments->rate, "a second; 0 = a closed loop");
  command->add_option("--in-flight", arguments->in_flight);
  command->add_option("--seconds", arguments->seconds, "0 = until SIGTERM");
  command->add_option("--deadline", arguments->deadline, "of a request, seconds");
  command->add_option("--seed", arguments->seed);
  command->add_option("--out", arguments->out, "gets a record of each request");
  command->add_flag("--trajectory", arguments->trajectory, "ask for whole trajectories, too");
  command->add_option("--connections", arguments->connections);
  command->add_flag("--silent", arguments->silent, "answer no pings");
  command->callback([arguments, run, exit_status, name] {
    const absl::Status status = run(*arguments);
    if (status.ok()) return;
    std::fprintf(stderr, "rollout-trials %s: %s\n", name.c_str(), status.ToString().c_str());
    *exit_status = 1;
  });
}

}  // namespace

void AddClientCommands(CLI::App& app, int* exit_status) {
  AddCommand(app, "ask", "Ask for rollouts at a steady rate", RunAsk, exit_status);
  AddCommand(app, "stream", "Keep requests in flight on a stream", RunStream, exit_status);
  AddCommand(app, "abandon", "Ask and give up", RunAbandon, exit_status);
  AddCommand(app, "report", "Report transitions", RunReport, exit_status);
  AddCommand(app, "hold", "Hold connections on which nothing is asked", RunHold, exit_status);
}

}  // namespace rollout
