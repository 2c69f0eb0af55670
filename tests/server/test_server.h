// A whole server on a folder of small models, and requests for it.
#ifndef ROLLOUT_TESTS_SERVER_TEST_SERVER_H_
#define ROLLOUT_TESTS_SERVER_TEST_SERVER_H_

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "inference/grpc_service.grpc.pb.h"
#include "rollout/v1/transition_model.grpc.pb.h"
#include "server/rollout_server.h"
#include "tests/server/test_repository.h"
#include "tests/support/temporary_directory.h"

namespace rollout {

// EXPECT_THAT(status, GrpcStatusIs(grpc::StatusCode::NOT_FOUND, HasSubstr("hopper")));
MATCHER_P2(GrpcStatusIs, code, message_matcher, "") {
  *result_listener << "code " << arg.error_code() << ", message " << arg.error_message();
  return arg.error_code() == code &&
         testing::ExplainMatchResult(message_matcher, arg.error_message(), result_listener);
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() : repository_(folder_ / "models") {
    std::filesystem::create_directory(folder_ / "models");
    options_.model_repository = repository_.path();
    options_.listen = "127.0.0.1:0";
    options_.metrics_listen = "";
    options_.engine.engine = "fused";
    options_.engine.threads = 1;
    options_.poll_interval = absl::Milliseconds(10);
  }

  // Starts it and waits until it is ready; the stubs talk to it without a socket.
  void StartServer();

  // A model whose rollouts take long: 1024 substeps of 2 x 32 hidden.
  void PublishSlowModel(const std::string& name);

  TemporaryDirectory folder_;
  TestRepository repository_;
  ServerOptions options_;
  std::unique_ptr<RolloutServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TransitionModel::Stub> transition_model_;
  std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
};

// Blocks until grpc.health.v1 says that `service` is (not) serving.
void WaitForHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                   bool serving);

v1::Tensor MakeTensor(const std::vector<uint64_t>& shape, const std::vector<float>& values);
std::vector<float> Floats(const std::string& bytes);
inline std::vector<float> Floats(const v1::Tensor& tensor) { return Floats(tensor.data()); }
std::vector<int32_t> Ints(const std::string& bytes);

// Random states and controls for the models of TestRepository, all outputs by default.
v1::RolloutRequest MakeRolloutRequest(const std::string& model, int lanes, int horizon,
                                      uint64_t seed = 1);
inference::ModelInferRequest MakeInferRequest(const std::string& model, int lanes, int horizon,
                                              uint64_t seed = 1);

// A unary call of bytes that need not be a message.
grpc::Status CallWithBytes(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const std::string& bytes);

// What a scraper gets at a metrics address, "127.0.0.1:<port>", without an HTTP library.
std::string Scrape(const std::string& address);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_TEST_SERVER_H_
