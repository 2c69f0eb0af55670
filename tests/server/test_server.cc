#include "tests/server/test_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <optional>
#include <utility>

#include "base/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {

void ServerTest::StartServer() {
  ASSERT_OK_AND_ASSIGN(server_, RolloutServer::Start(options_));
  channel_ = server_->InProcessChannel();
  transition_model_ = v1::TransitionModel::NewStub(channel_);
  inference_ = inference::GRPCInferenceService::NewStub(channel_);
  WaitForHealth(channel_, "", true);
}

void ServerTest::PublishSlowModel(const std::string& name) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kEuler;
  choice.num_positions = 2;
  choice.num_controls = 2;
  choice.hidden_sizes = {32, 32};
  choice.substeps = 1024;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = name;
  repository_.Publish(spec, 1);
}

void WaitForHealth(const std::shared_ptr<grpc::Channel>& channel, const std::string& service,
                   bool serving) {
  using grpc::health::v1::HealthCheckResponse;
  const auto health = grpc::health::v1::Health::NewStub(channel);
  grpc::ClientContext context;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  const auto watch = health->Watch(&context, request);
  HealthCheckResponse response;
  const auto wanted = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  while (watch->Read(&response) && response.status() != wanted) {
  }
  EXPECT_EQ(response.status(), wanted) << "the watch of \"" << service << "\" ended";
  context.TryCancel();
  watch->Finish();
}

v1::Tensor MakeTensor(const std::vector<uint64_t>& shape, const std::vector<float>& values) {
  v1::Tensor tensor;
  tensor.set_dtype(v1::Tensor::FP32);
  for (const uint64_t size : shape) tensor.add_shape(size);
  tensor.set_data(values.data(), values.size() * sizeof(float));
  return tensor;
}

std::vector<float> Floats(const std::string& bytes) {
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

std::vector<int32_t> Ints(const std::string& bytes) {
  std::vector<int32_t> values(bytes.size() / sizeof(int32_t));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(int32_t));
  return values;
}

v1::RolloutRequest MakeRolloutRequest(const std::string& model, int lanes, int horizon,
                                      uint64_t seed) {
  const TransitionModelSpec spec = TestRepository::Spec(model);
  const uint64_t b = lanes;
  const uint64_t t = horizon;
  v1::RolloutRequest request;
  request.set_model(model);
  *request.mutable_initial_states() = MakeTensor({b, 4}, RandomStates(spec, lanes, seed));
  *request.mutable_controls() = MakeTensor({b, t, 2}, RandomControls(spec, lanes, horizon, seed));
  return request;
}

inference::ModelInferRequest MakeInferRequest(const std::string& model, int lanes, int horizon,
                                              uint64_t seed) {
  const v1::RolloutRequest from = MakeRolloutRequest(model, lanes, horizon, seed);
  inference::ModelInferRequest request;
  request.set_model_name(model);
  auto* state = request.add_inputs();
  state->set_name("initial_state");
  state->set_datatype("FP32");
  for (const uint64_t size : from.initial_states().shape()) state->add_shape(size);
  auto* controls = request.add_inputs();
  controls->set_name("controls");
  controls->set_datatype("FP32");
  for (const uint64_t size : from.controls().shape()) controls->add_shape(size);
  request.add_raw_input_contents(from.initial_states().data());
  request.add_raw_input_contents(from.controls().data());
  return request;
}

grpc::Status CallWithBytes(const std::shared_ptr<grpc::Channel>& channel, const std::string& method,
                           const std::string& bytes) {
  grpc::GenericStub stub(channel);
  grpc::ClientContext context;
  const grpc::Slice slice(bytes);
  const grpc::ByteBuffer request(&slice, 1);
  grpc::ByteBuffer reply;
  struct Pending {
    Mutex mutex;
    ConditionVariable finished;
    std::optional<grpc::Status> status ABSL_GUARDED_BY(mutex);
  } call;
  // One pointer, which std::function keeps in itself: gRPC moves it to the thread that ends the
  // call by locks that the thread sanitizer cannot see.
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &reply,
                 [pending = &call](grpc::Status status) {
                   MutexLock lock(&pending->mutex);
                   pending->status = std::move(status);
                   pending->finished.NotifyAll();
                 });
  MutexLock lock(&call.mutex);
  while (!call.status) call.finished.Wait(&call.mutex);
  return *call.status;
}

std::string Scrape(const std::string& address) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  peer.sin_port = htons(std::stoi(address.substr(address.rfind(':') + 1)));
  peer.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
  const std::string request = "GET /metrics HTTP/1.0\r\n\r\n";
  EXPECT_EQ(write(fd, request.data(), request.size()), static_cast<ssize_t>(request.size()));
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(fd, buffer, sizeof(buffer))) > 0;) text.append(buffer, n);
  close(fd);
  return text;
}

}  // namespace rollout
