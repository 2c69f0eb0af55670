// rolloutctl stream MODEL: queries from stdin, answers to stdout, all on one stream.
#include <cstdio>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/retry.h"
#include "client/rollout_stream.h"
#include "client/rolloutctl/command.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

using nlohmann::json;

// One line: {"id": "a", "state": [2n numbers], "controls": [[nu numbers], ...]}.
absl::Status SendLine(const std::string& line, const RolloutArguments& common,
                      RolloutStream* stream) {
  const json query = json::parse(line, nullptr, /*allow_exceptions=*/false);
  std::vector<float> state;
  std::vector<float> controls;
  RolloutArguments arguments = common;
  try {
    arguments.id = query.value("id", "");
    query.at("state").get_to(state);
    for (const json& row : query.at("controls")) {
      for (const json& number : row) controls.push_back(number.get<float>());
    }
    arguments.horizon = static_cast<int64_t>(query.at("controls").size());
  } catch (const json::exception&) {
    return absl::InvalidArgumentError(
        absl::StrCat("stdin: got \"", line.substr(0, 80),
                     "\", expected a line such as {\"id\": \"a\", \"state\": [0, 0], "
                     "\"controls\": [[0.1], [0.2]]}"));
  }
  arguments.lanes = 1;
  arguments.initial_states = state;
  arguments.controls = controls;
  return stream->Send(arguments);
}

void PrintAnswer(const std::string& id, const absl::StatusOr<RolloutResult>& result) {
  json answer = {{"id", id}};
  if (result.ok()) {
    answer["version"] = result->version();
    std::vector<float> state(result->final_state().Row(0).begin(),
                             result->final_state().Row(0).end());
    answer["final_state"] = state;
  } else {
    answer["code"] = absl::StatusCodeToString(result.status().code());
    answer["error"] = std::string(result.status().message());
    if (const auto delay = RetryAfter(result.status())) {
      answer["retry_after_ms"] = absl::ToInt64Milliseconds(*delay);
    }
  }
  std::puts(answer.dump().c_str());
  std::fflush(stdout);
}

absl::Status Run(const CommonOptions& common, const RolloutArguments& arguments) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const auto stream = RolloutStream::Open(**client, PrintAnswer);
  std::string line;
  absl::Status sent;
  while (sent.ok() && std::getline(std::cin, line)) {
    if (!line.empty()) sent = SendLine(line, arguments, stream.get());
  }
  const absl::Status closed = stream->Close();
  return closed.ok() ? sent : closed;
}

}  // namespace

void AddStreamCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command = app.add_subcommand(
      "stream",
      "answer queries from stdin, one JSON object a line, on one stream that keeps its version");
  auto arguments = std::make_shared<RolloutArguments>();
  arguments->outputs.trajectory = false;
  arguments->outputs.final_state = true;
  command->add_option("model", arguments->model, "the model")->required();
  command->add_option("--version", arguments->version, "of the model; none: the one that serves");
  command->add_option("--label", arguments->label, "stable, canary: instead of a version");
  command->callback([=] { *exit_status = ExitStatus(Run(*common, *arguments)); });
}

}  // namespace rollout
