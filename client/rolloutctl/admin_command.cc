// rolloutctl load|unload|pin|label|drain: what an operator does to a running server.
#include <cstdio>
#include <functional>
#include <memory>
#include <string>

#include "base/terminal.h"
#include "client/admin_client.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/model_text.h"

namespace rollout {
namespace {

using Operation = std::function<absl::StatusOr<v1::AdminReply>(const AdminClient&)>;

absl::Status Run(const CommonOptions& common, const Operation& operation) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::AdminReply> reply =
      operation(AdminClient(client->get(), common.timeout));
  if (!reply.ok()) return reply.status();
  if (common.json) {
    std::puts(nlohmann::json({{"model", ModelJson(reply->model())}, {"note", reply->note()}})
                  .dump(2)
                  .c_str());
  } else {
    std::fputs(ModelsTable({reply->model()}, HasColours(stdout)).c_str(), stdout);
    std::printf("Lasts %s.\n", reply->note().c_str());
  }
  return absl::OkStatus();
}

absl::Status RunDrain(const CommonOptions& common) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const absl::StatusOr<v1::DrainReply> reply = AdminClient(client->get(), common.timeout).Drain();
  if (!reply.ok()) return reply.status();
  if (common.json) {
    std::puts(nlohmann::json({{"note", reply->note()}}).dump().c_str());
  } else {
    std::puts(reply->note().c_str());
  }
  return absl::OkStatus();
}

struct Arguments {
  std::string model;
  std::string label;
  uint64_t version = 0;
};

}  // namespace

void AddAdminCommands(CLI::App& app, const CommonOptions* common, int* exit_status) {
  const auto add = [&](const char* name, const char* help, const char* version_help, bool has_label,
                       auto operation) {
    CLI::App* command = app.add_subcommand(name, help);
    auto arguments = std::make_shared<Arguments>();
    command->add_option("model", arguments->model, "the model")->required();
    if (has_label) {
      command->add_option("label", arguments->label, "stable, canary, ...")->required();
    }
    command->add_option("version", arguments->version, version_help);
    command->callback([=] {
      *exit_status = ExitStatus(
          Run(*common, [&](const AdminClient& admin) { return operation(admin, *arguments); }));
    });
  };
  add("load", "load a version and keep it, until the server restarts",
      "none: lift `unload`, and try the newest again", false,
      [](const AdminClient& admin, const Arguments& a) { return admin.Load(a.model, a.version); });
  add("unload", "unload a version, or a whole model, until the server restarts",
      "none: every version, later ones too", false,
      [](const AdminClient& admin, const Arguments& a) {
        return admin.Unload(a.model, a.version);
      });
  add("pin", "have requests without a version answered by this one, until the server restarts",
      "none: by the newest good one again", false,
      [](const AdminClient& admin, const Arguments& a) { return admin.Pin(a.model, a.version); });
  add("label", "move a label to a loaded version, until the server restarts",
      "none: remove the label", true, [](const AdminClient& admin, const Arguments& a) {
        return admin.SetLabel(a.model, a.label, a.version);
      });
  CLI::App* drain = app.add_subcommand("drain", "end the server as SIGTERM does");
  drain->callback([=] { *exit_status = ExitStatus(RunDrain(*common)); });
}

}  // namespace rollout
