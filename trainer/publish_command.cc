// rollout-trainer publish: brings a fitted model to the repository that is served.
#include <cstdio>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/clock.h"
#include "base/command_line.h"
#include "models/checkpoint/publish.h"
#include "nlohmann/json.hpp"
#include "trainer/command.h"
#include "trainer/publishing/live_version.h"

namespace rollout {
namespace {

struct PublishArguments {
  std::string from;
  std::string model;
  int64_t version = 0;
  std::string repository;
  std::string name;
  int keep = 10;
  bool json = false;
};

absl::Status Publish(const PublishArguments& arguments) {
  const auto version = ReadVersion(arguments.from, arguments.model, arguments.version);
  if (!version.ok()) return version.status();
  CheckpointContent content{*version->checkpoint.model, version->checkpoint.golden,
                            version->checkpoint.card};
  if (!arguments.name.empty()) content.model.spec.name = arguments.name;
  const auto published = PublishCheckpoint(arguments.repository, content, RealClock());
  if (!published.ok()) return published.status();
  const std::string name = content.model.spec.name;
  const auto removed = PruneVersions(arguments.repository, name, arguments.keep);
  if (!removed.ok()) {
    return absl::Status(
        removed.status().code(),
        absl::StrCat("published ", name, " version ", *published,
                     ", but could not remove older ones: ", removed.status().message()));
  }
  if (arguments.json) {
    const nlohmann::ordered_json report = {{"model", name},
                                           {"version", *published},
                                           {"model_repository", arguments.repository},
                                           {"removed_versions", *removed}};
    absl::PrintF("%s\n", report.dump(2));
    return absl::OkStatus();
  }
  absl::PrintF("published %s version %d in %s\n", name, *published, arguments.repository);
  if (!removed->empty()) {
    absl::PrintF("removed version %s: --keep %d\n", absl::StrJoin(*removed, ", "), arguments.keep);
  }
  return absl::OkStatus();
}

}  // namespace

void AddPublishCommand(CLI::App& app, int* exit_status) {
  CLI::App* command =
      app.add_subcommand("publish", "Bring a fitted model to the repository that is served");
  auto arguments = std::make_shared<PublishArguments>();
  command->add_option("--from", arguments->from, "Model repository that `fit --out` wrote")
      ->required();
  command->add_option("--model", arguments->model, "The model's name in --from")->required();
  command->add_option("--version", arguments->version, "0 = the highest that can be read")
      ->check(WholeNumberOfAtLeast(0))
      ->capture_default_str();
  command->add_option("--model-repository", arguments->repository, "Where it goes")->required();
  command->add_option("--as", arguments->name, "Publish under another name");
  command->add_option("--keep", arguments->keep, "Versions that stay")
      ->check(WholeNumberOfAtLeast(1))
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "Print the outcome as JSON");
  command->callback([arguments, exit_status] {
    const absl::Status status = Publish(*arguments);
    if (status.ok()) return;
    absl::FPrintF(stderr, "rollout-trainer publish: %s\n", std::string(status.message()));
    *exit_status = 1;
  });
}

}  // namespace rollout
