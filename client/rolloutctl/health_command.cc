// rolloutctl health [SERVICE]: exit status 0 where it serves, 1 where not; for probes of
// containers.
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/rolloutctl/command.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

int Run(const CommonOptions& common, const std::string& service) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return ExitStatus(client.status());
  const absl::StatusOr<bool> serving = (*client)->IsServing(service);
  if (absl::IsNotFound(serving.status())) {
    return ExitStatus(absl::NotFoundError(
        absl::StrCat("the server knows no health of \"", service,
                     "\": \"\" is readiness, \"_live\" liveness, else a model's name")));
  }
  if (!serving.ok()) return ExitStatus(serving.status());
  const char* status = *serving ? "SERVING" : "NOT_SERVING";
  if (common.json) {
    std::puts(nlohmann::json({{"service", service}, {"status", status}}).dump().c_str());
  } else {
    std::puts(status);
  }
  return *serving ? 0 : 1;
}

}  // namespace

void AddHealthCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command = app.add_subcommand(
      "health", "exit with 0 where the server is ready (or SERVICE serves), else with 1");
  auto service = std::make_shared<std::string>();
  command->add_option("service", *service, "a model's name, or _live; nothing = readiness");
  command->callback([=] { *exit_status = Run(*common, *service); });
}

}  // namespace rollout
