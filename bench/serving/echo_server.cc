// serving-echo: a bare gRPC server, the floor under any other. It answers every Rollout and every
// ModelInfer with the same bytes, without looking at the request: a raw unary method of the
// callback API whose reply shares one slice.
#include <grpcpp/grpcpp.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>

#include "CLI/CLI.hpp"
#include "absl/synchronization/mutex.h"
#include "inference/grpc_service.grpc.pb.h"
#include "rollout/v1/transition_model.grpc.pb.h"

namespace rollout::bench {
namespace {

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, const grpc::ByteBuffer& made,
                                 grpc::ByteBuffer* reply) {
  *reply = made;
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

class RolloutEcho final
    : public v1::TransitionModel::WithRawCallbackMethod_Rollout<v1::TransitionModel::Service> {
 public:
  explicit RolloutEcho(const grpc::ByteBuffer& reply) : reply_(reply) {}
  grpc::ServerUnaryReactor* Rollout(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                    grpc::ByteBuffer* reply) override {
    return Answer(context, reply_, reply);
  }

 private:
  const grpc::ByteBuffer reply_;
};

class InferenceEcho final
    : public inference::GRPCInferenceService::WithRawCallbackMethod_ModelInfer<
          inference::GRPCInferenceService::Service> {
 public:
  explicit InferenceEcho(const grpc::ByteBuffer& reply) : reply_(reply) {}
  grpc::ServerUnaryReactor* ModelInfer(grpc::CallbackServerContext* context,
                                       const grpc::ByteBuffer*, grpc::ByteBuffer* reply) override {
    return Answer(context, reply_, reply);
  }

 private:
  const grpc::ByteBuffer reply_;
};

int Serve(const std::string& listen, const std::string& answer, const std::string& port_file) {
  const grpc::Slice slice(answer);
  const grpc::ByteBuffer reply(&slice, 1);
  RolloutEcho rollout_echo(reply);
  InferenceEcho inference_echo(reply);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  int port = 0;
  builder.AddListeningPort(listen, grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&rollout_echo);
  builder.RegisterService(&inference_echo);
  const auto server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    std::fprintf(stderr, "serving-echo: cannot listen on %s\n", listen.c_str());
    return 1;
  }
  {
    std::ofstream file(port_file + ".new");
    file << listen.substr(0, listen.rfind(':') + 1) << port << "\n";
  }
  if (std::rename((port_file + ".new").c_str(), port_file.c_str()) != 0) {
    std::fprintf(stderr, "serving-echo: cannot write %s\n", port_file.c_str());
    return 1;
  }
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace rollout::bench

int main(int argc, char** argv) {
  // As rolloutd: Debian builds Abseil with a search for deadlocks at every lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  CLI::App app("a bare gRPC server that answers any request with the same bytes");
  std::string listen = "127.0.0.1:0";
  std::string port_file, reply_file;
  size_t reply_bytes = 0;
  app.add_option("--listen", listen)->capture_default_str();
  app.add_option("--port-file", port_file, "its address is written there")->required();
  auto* bytes = app.add_option("--reply-bytes", reply_bytes, "any, as many as these");
  app.add_option("--reply-file", reply_file, "these")->check(CLI::ExistingFile)->excludes(bytes);
  CLI11_PARSE(app, argc, argv);
  std::string answer(reply_bytes, '*');
  if (!reply_file.empty()) {
    std::ifstream file(reply_file, std::ios::binary);
    answer.assign(std::istreambuf_iterator<char>(file), {});
  }
  return rollout::bench::Serve(listen, answer, port_file);
}
