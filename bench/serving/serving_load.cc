// serving-load: what bench/peers/serving needs of C++. `publish` writes the models that are asked;
// `run` asks several servers in turn with requests that are bytes already.
#include <cstdio>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "bench/serving/line_servers.h"
#include "bench/serving/served_models.h"
#include "bench/serving/side.h"

namespace rollout::bench {
namespace {

std::string FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  return bytes.str();
}

absl::Status Publish(const std::string& folder) {
  const auto hopper = HopperSizedModel();
  if (!hopper.ok()) return hopper.status();
  for (const TransitionModel& model : {*hopper, WideModel()}) {
    const auto repository = PublishForBench(model, folder);
    if (!repository.ok()) return repository.status();
  }
  return absl::OkStatus();
}

// `plan`: {"rounds", "stretch_seconds", "in_flight", "connections", "method", "sides": [{"name",
// "address", "request_file"}]}.
absl::Status Run(const nlohmann::json& plan) {
  std::vector<std::unique_ptr<CallLoad>> loads;
  std::vector<Side> sides;
  for (const nlohmann::json& entry : plan.at("sides")) {
    CallLoad::Options options;
    options.address = entry.at("address");
    options.method = plan.at("method");
    options.requests = {FileBytes(entry.at("request_file"))};
    options.in_flight = plan.at("in_flight");
    options.connections = plan.at("connections");
    auto load = CallLoad::Connect(std::move(options));
    if (!load.ok()) return load.status();
    const auto reply = (*load)->CallOnce();
    if (!reply.ok()) return reply.status();
    loads.push_back(*std::move(load));
    sides.push_back(ServerSide(entry.at("name"), loads.back().get()));
  }
  const std::vector<Measured> measured = MeasureInTurn(
      sides, plan.at("rounds"), absl::Seconds(plan.at("stretch_seconds").get<double>()));
  nlohmann::json rows = nlohmann::json::array();
  for (const Measured& one : measured) {
    nlohmann::json row = one.Json();
    row["round_p50"] = one.round_p50;
    row["round_rate"] = one.round_rate;
    rows.push_back(std::move(row));
  }
  std::puts(rows.dump().c_str());
  return absl::OkStatus();
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  rollout::bench::SpeedUpClient();
  CLI::App app("the C++ client that serving peers are measured with");
  app.require_subcommand(1);
  std::string folder, plan_file;
  CLI::App* publish = app.add_subcommand("publish", "write the models, each in a repository");
  publish->add_option("folder", folder)->required();
  CLI::App* run = app.add_subcommand("run", "measure the servers of a plan; rows as JSON");
  run->add_option("plan", plan_file)->required()->check(CLI::ExistingFile);
  CLI11_PARSE(app, argc, argv);
  absl::Status status;
  try {
    status = publish->parsed()
                 ? rollout::bench::Publish(folder)
                 : rollout::bench::Run(nlohmann::json::parse(rollout::bench::FileBytes(plan_file)));
  } catch (const nlohmann::json::exception& error) {
    status = absl::InvalidArgumentError(error.what());
  }
  if (!status.ok()) std::fprintf(stderr, "serving-load: %s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
