// Writes one seed or a few for each harness, from what the encoders write: write_fuzz_seeds FOLDER.
#include <filesystem>
#include <string>
#include <vector>

#include "base/sha256.h"
#include "inference/grpc_service.pb.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/manifest.h"
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

v1::RolloutRequest Rollout() {
  v1::RolloutRequest request;
  request.set_model("model");
  *request.mutable_initial_states() = MakeTensor({1, 4}, {0.1f, 0.2f, 0.3f, 0.4f});
  *request.mutable_controls() = MakeTensor({2, 2, 2}, {0, 1, 2, 3, 4, 5, 6, 7});
  request.mutable_outputs()->set_trajectory(true);
  request.mutable_outputs()->set_stride(2);
  request.mutable_outputs()->set_final_state(true);
  request.set_id("seed");
  return request;
}

inference::ModelInferRequest Infer(bool raw) {
  inference::ModelInferRequest request;
  request.set_model_name("model");
  request.set_id("seed");
  const std::vector<float> state = {0.1f, 0.2f, 0.3f, 0.4f}, controls(4, 0.5f);
  auto* initial = request.add_inputs();
  initial->set_name("initial_state");
  auto* sequence = request.add_inputs();
  sequence->set_name("controls");
  for (auto* input : {initial, sequence}) input->set_datatype("FP32");
  for (const int64_t size : {1, 4}) initial->add_shape(size);
  for (const int64_t size : {1, 2, 2}) sequence->add_shape(size);
  request.add_outputs()->set_name("final_state");
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

v1::ReportTransitionsRequest Report() {
  v1::ReportTransitionsRequest request;
  request.set_model("model");
  request.set_client("robot");
  request.set_episode("1");
  *request.mutable_states() = MakeTensor({3, 4}, std::vector<float>(12, 0.25f));
  *request.mutable_controls() = MakeTensor({2, 2}, std::vector<float>(4, 0.5f));
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
  Write(root / "rollout_request", "two_lanes", Rollout().SerializeAsString());
  Write(root / "infer_request", "raw", Infer(true).SerializeAsString());
  Write(root / "infer_request", "typed", Infer(false).SerializeAsString());
  Write(root / "report_request", "two_transitions", Report().SerializeAsString());
}

}  // namespace
}  // namespace rollout

int main(int argc, char** argv) {
  if (argc != 2) return 1;
  rollout::WriteSeeds(argv[1]);
  return 0;
}
