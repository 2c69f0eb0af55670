// rolloutctl models [NAME]: what the server has, in which state, and why.
#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/terminal.h"
#include "client/admin_client.h"
#include "client/rolloutctl/command.h"
#include "client/rolloutctl/error_text.h"
#include "client/rolloutctl/model_text.h"

namespace rollout {
namespace {

struct ModelsOptions {
  std::string name;     // empty = all
  bool errors = false;  // per dimension
};

absl::Status ShowAll(const Client& client, bool json) {
  const absl::StatusOr<v1::ListModelsReply> reply = client.ListModels();
  if (!reply.ok()) return reply.status();
  const std::vector<v1::Model> models(reply->models().begin(), reply->models().end());
  if (json) {
    nlohmann::json list = nlohmann::json::array();
    for (const v1::Model& model : models) list.push_back(ModelJson(model));
    std::puts(nlohmann::json({{"models", list}}).dump(2).c_str());
  } else {
    std::fputs(ModelsTable(models, HasColours(stdout)).c_str(), stdout);
  }
  return absl::OkStatus();
}

absl::Status ShowOne(const Client& client, const ModelsOptions& options, bool json) {
  const absl::StatusOr<v1::Model> model = client.GetModel(options.name, options.errors);
  if (!model.ok()) return model.status();
  if (json) {
    std::puts(ModelJson(*model).dump(2).c_str());
  } else {
    std::fputs(absl::StrCat(ModelPage(*model, HasColours(stdout)), DimensionErrorsTables(*model),
                            ComparisonTable(*model))
                   .c_str(),
               stdout);
  }
  return absl::OkStatus();
}

absl::Status Run(const CommonOptions& common, const ModelsOptions& options) {
  if (options.errors && options.name.empty()) {
    return absl::InvalidArgumentError("--errors: got no model; name the one to describe");
  }
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  return options.name.empty() ? ShowAll(**client, common.json)
                              : ShowOne(**client, options, common.json);
}

// Every model as it is, and again whenever it changes, until Ctrl-C.
absl::Status Watch(const CommonOptions& common, const std::string& name) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  std::vector<std::string> names;
  if (!name.empty()) names.push_back(name);
  return AdminClient(client->get()).Watch(names, [&](const v1::WatchModelsReply& reply) {
    if (common.json) {
      nlohmann::json line = ModelJson(reply.model());
      line["removed"] = reply.removed();
      std::puts(line.dump().c_str());
    } else if (reply.removed()) {
      std::printf("%s is gone\n", reply.model().name().c_str());
    } else if (!reply.model().name().empty()) {
      std::fputs(ModelsTable({reply.model()}, HasColours(stdout)).c_str(), stdout);
    }
    std::fflush(stdout);
    return true;
  });
}

}  // namespace

void AddModelsCommand(CLI::App& app, const CommonOptions* common, int* exit_status) {
  CLI::App* command = app.add_subcommand("models", "list models and versions, or describe one");
  auto options = std::make_shared<ModelsOptions>();
  command->add_option("name", options->name, "the model to describe");
  command->add_flag("--errors", options->errors, "its prediction errors per dimension too");
  auto watch = std::make_shared<bool>(false);
  command->add_flag("--watch,-w", *watch, "go on, and print what changes");
  command->callback([=] {
    *exit_status = ExitStatus(*watch ? Watch(*common, options->name) : Run(*common, *options));
  });
}

}  // namespace rollout
