// rolloutctl version: which program asks and which one answers.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <string>

#include "client/rolloutctl/command.h"
#include "inference/grpc_service.grpc.pb.h"
#include "nlohmann/json.hpp"

namespace rollout {
namespace {

absl::Status Run(const CommonOptions& common, const std::string& own_version) {
  const auto client = ConnectTo(common);
  if (!client.ok()) return client.status();
  const auto stub = inference::GRPCInferenceService::NewStub((*client)->channel());
  grpc::ClientContext context;
  if (absl::Status s = (*client)->Authorize(&context); !s.ok()) return s;
  context.set_deadline(absl::ToChronoTime(absl::Now() + common.timeout));
  inference::ServerMetadataResponse reply;
  const grpc::Status status =
      stub->ServerMetadata(&context, inference::ServerMetadataRequest(), &reply);
  if (!status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  }
  if (common.json) {
    const nlohmann::ordered_json report = {
        {"client", {{"name", "rolloutctl"}, {"version", own_version}}},
        {"server", {{"name", reply.name()}, {"version", reply.version()}}}};
    std::puts(report.dump().c_str());
  } else {
    std::printf("rolloutctl %s\n%s %s at %s\n", own_version.c_str(), reply.name().c_str(),
                reply.version().c_str(), common.server.c_str());
  }
  return absl::OkStatus();
}

}  // namespace

void AddVersionCommand(CLI::App& app, const CommonOptions* common, const std::string& own_version,
                       int* exit_status) {
  CLI::App* command = app.add_subcommand("version", "print the versions of rolloutctl and server");
  command->callback([=] { *exit_status = ExitStatus(Run(*common, own_version)); });
}

}  // namespace rollout
