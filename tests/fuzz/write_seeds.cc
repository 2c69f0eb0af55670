// Writes one seed or a few for each harness, from what the encoders write: write_fuzz_seeds FOLDER.
#include <filesystem>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "inference/grpc_service.pb.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/manifest.h"
#include "rollout/v1/admin.pb.h"
#include "rollout/v1/transition_model.pb.h"
#include "tests/support/random_model.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

std::string Bytes(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

v1::Tensor MakeTensor(const std::vector<uint64_t>& shape, const std::vector<float>& values) {
  v1::Tensor tensor;
  tensor.set_dtype(v1::Tensor::FP32);
  for (const uint64_t size : shape) tensor.add_shape(size);
  tensor.set_data(Bytes(values));
  return tensor;
}

TransitionModelSpec SmallSpec() {
  SpecChoice choice;
  choice.num_positions = 2;
  choice.hidden_sizes = {2};
  choice.angular_positions = {1};
  return MakeSpec(choice);
}

// The inputs of FuzzSpec's model: 2 lanes of 2 transitions from one state.
template <typename Request>
Request Inputs(int lanes) {
  Request request;
  request.set_model("model");
  request.set_id("seed");
  *request.mutable_initial_states() = MakeTensor({1, 4}, {0.1f, 0.2f, 0.3f, 0.4f});
  const std::vector<float> controls(static_cast<size_t>(2 * lanes), 0.5f);
  *request.mutable_controls() = MakeTensor({static_cast<uint64_t>(lanes), 2, 1}, controls);
  return request;
}

v1::RolloutRequest States() {
  auto request = Inputs<v1::RolloutRequest>(2);
  request.mutable_outputs()->set_trajectory(true);
  request.mutable_outputs()->set_stride(2);
  request.mutable_outputs()->set_final_state(true);
  request.mutable_outputs()->set_spread(true);
  return request;
}

v1::RolloutRequest Cost() {
  auto request = Inputs<v1::RolloutRequest>(2);
  request.mutable_outputs()->set_total_return(true);
  request.mutable_outputs()->set_rewards(true);
  request.mutable_outputs()->set_terminated_step(true);
  request.mutable_outputs()->set_first_non_finite_step(true);
  request.mutable_outputs()->set_first_outside_step(true);
  request.set_discount(0.9);
  v1::DiagonalCost& cost = *request.mutable_cost();
  for (int d = 0; d < 4; ++d) {
    cost.add_state(1.0f);
    cost.add_terminal(2.0f);
  }
  cost.add_control(0.1f);
  cost.add_control_change(0.1f);
  cost.add_last_control(0.5f);
  cost.set_add_reward(true);
  *cost.mutable_reference() = MakeTensor({1, 4}, std::vector<float>(4, 0.0f));
  return request;
}

v1::RolloutRequest DrawnMembers() {
  auto request = Inputs<v1::RolloutRequest>(3);
  request.set_hold(3);
  request.set_ensemble(v1::RolloutRequest::TS1);
  request.set_seed(7);
  request.set_version(1);
  request.set_timeout_us(10'000'000);
  request.set_clip_controls(false);
  return request;
}

v1::GradientRequest ReturnGradient() {
  auto request = Inputs<v1::GradientRequest>(2);
  request.set_of_return(true);
  request.set_discount(0.9);
  return request;
}

v1::GradientRequest StateGradient(bool all) {
  auto request = Inputs<v1::GradientRequest>(2);
  if (all) {
    *request.mutable_trajectory_cotangents() = MakeTensor({2, 3, 4}, std::vector<float>(24, 1.0f));
  } else {
    *request.mutable_final_state_cotangents() = MakeTensor({2, 4}, std::vector<float>(8, 1.0f));
  }
  return request;
}

v1::LinearizeRequest Linearisation() {
  v1::LinearizeRequest request;
  request.set_model("model");
  request.set_id("seed");
  *request.mutable_initial_state() = MakeTensor({4}, {0.1f, 0.2f, 0.3f, 0.4f});
  *request.mutable_controls() = MakeTensor({2, 1}, {0.5f, 2.0f});
  return request;
}

inference::ModelInferRequest Infer(bool raw) {
  inference::ModelInferRequest request;
  request.set_model_name("model");
  request.set_id("seed");
  const std::vector<float> state = {0.1f, 0.2f, 0.3f, 0.4f}, controls(2, 0.5f);
  auto* initial = request.add_inputs();
  initial->set_name("initial_state");
  auto* sequence = request.add_inputs();
  sequence->set_name("controls");
  for (auto* input : {initial, sequence}) input->set_datatype("FP32");
  for (const int64_t size : {1, 4}) initial->add_shape(size);
  for (const int64_t size : {1, 2, 1}) sequence->add_shape(size);
  for (const char* name : {"trajectory", "final_state", "return", "first_non_finite_step"}) {
    request.add_outputs()->set_name(name);
  }
  if (raw) {
    request.add_raw_input_contents(Bytes(state));
    request.add_raw_input_contents(Bytes(controls));
    return request;
  }
  for (const float value : state) initial->mutable_contents()->add_fp32_contents(value);
  for (const float value : controls) sequence->mutable_contents()->add_fp32_contents(value);
  (*request.mutable_parameters())["clip_controls"].set_bool_param(false);
  return request;
}

// Two transitions from what two frames show, seen as frames again.
inference::ModelInferRequest InferFrames() {
  inference::ModelInferRequest request;
  request.set_model_name("pixels");
  request.set_id("seed");
  auto* frames = request.add_inputs();
  frames->set_name("frames");
  for (const int64_t size : {1, 2, kFrameHeight, kFrameWidth}) frames->add_shape(size);
  auto* controls = request.add_inputs();
  controls->set_name("controls");
  for (const int64_t size : {1, 2, 0}) controls->add_shape(size);
  for (auto* input : {frames, controls}) input->set_datatype("FP32");
  std::vector<float> pair(2 * kFrameNumbers, 0.0f);
  for (size_t i = 0; i < pair.size(); i += 7) pair[i] = 0.5f;
  request.add_raw_input_contents(Bytes(pair));
  request.add_raw_input_contents("");
  for (const char* name : {"frames", "final_state"}) request.add_outputs()->set_name(name);
  return request;
}

v1::ReportTransitionsRequest Report() {
  v1::ReportTransitionsRequest request;
  request.set_model("model");
  request.set_client("robot");
  request.set_episode("1");
  *request.mutable_states() = MakeTensor({3, 4}, std::vector<float>(12, 0.25f));
  *request.mutable_controls() = MakeTensor({2, 1}, std::vector<float>(2, 0.5f));
  return request;
}

// A stream as stream_request_fuzzer.cc reads it.
std::string Stream(char protocol, const std::vector<std::string>& messages) {
  std::string bytes(1, protocol);
  for (const std::string& message : messages) {
    bytes += static_cast<char>(message.size() & 0xff);
    bytes += static_cast<char>(message.size() >> 8);
    bytes += message;
  }
  return bytes;
}

// A call as model_request_fuzzer.cc and admin_request_fuzzer.cc read it: the method's place in
// their list, then the message.
template <typename Request>
std::string Call(char method, const Request& request) {
  return method + request.SerializeAsString();
}

// The model's name (field 1 in all of these messages) and a version (field 2).
v1::LoadRequest Version(uint64_t version) {
  v1::LoadRequest request;
  request.set_model("model");
  request.set_version(version);
  return request;
}

void Write(const std::filesystem::path& folder, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(folder);
  WriteFile(folder / name, bytes);
}

void WriteSeeds(const std::filesystem::path& root) {
  CheckpointContent content;
  content.model = RandomModel(SmallSpec(), 1);
  const auto files = CheckpointFiles(content);
  Write(root / "safetensors", "weights", files.at(kWeightsFile));
  Write(root / "model_json", "node_so", files.at(kModelFile));
  Write(root / "manifest", "two_files", files.at(kManifestFile));
  Write(root / "access_list", "three_kinds",
        "Bearer 0123456789abcdef\n# comment\na query,report sha256:" + Sha256Hex("x") +
            "\nb admin token:0123456789abcdef\nc query certificate:name\n");
  Write(root / "rollout_request", "states", States().SerializeAsString());
  Write(root / "rollout_request", "cost", Cost().SerializeAsString());
  Write(root / "rollout_request", "drawn_members", DrawnMembers().SerializeAsString());
  Write(root / "gradient_request", "of_return", ReturnGradient().SerializeAsString());
  Write(root / "gradient_request", "of_states", StateGradient(true).SerializeAsString());
  Write(root / "gradient_request", "of_final_state", StateGradient(false).SerializeAsString());
  Write(root / "linearize_request", "two_transitions", Linearisation().SerializeAsString());
  Write(root / "infer_request", "raw", Infer(true).SerializeAsString());
  Write(root / "infer_request", "typed", Infer(false).SerializeAsString());
  Write(root / "infer_request", "frames", InferFrames().SerializeAsString());
  Write(root / "report_request", "two_transitions", Report().SerializeAsString());
  const std::string damaged = "\x0a\xff damaged";
  Write(root / "stream_request", "rollouts",
        Stream(0, {States().SerializeAsString(), damaged, Cost().SerializeAsString()}));
  Write(root / "stream_request", "inferences",
        Stream(1, {Infer(true).SerializeAsString(), damaged, Infer(false).SerializeAsString()}));
  char method = 0;
  for (const char* name : {"get_model", "list_models", "server_metadata", "model_ready", "metadata",
                           "config", "statistics", "index", "watch_models"}) {
    Write(root / "model_request", name, Call(method++, Version(0)));
  }
  method = 0;
  for (const char* name : {"load", "unload", "pin"}) {
    Write(root / "admin_request", name, Call(method++, Version(1)));
  }
  v1::SetLabelRequest label;
  label.set_model("model");
  label.set_label("stable");
  label.set_version(1);
  Write(root / "admin_request", "set_label", Call(method++, label));
  Write(root / "admin_request", "drain", Call(method++, v1::DrainRequest()));
  inference::RepositoryModelLoadRequest load;
  load.set_model_name("model");
  Write(root / "admin_request", "repository_load", Call(method++, load));
  // The same fields.
  Write(root / "admin_request", "repository_unload", Call(method++, load));
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  rollout::WriteSeeds(argv[1]);
  return 0;
}
