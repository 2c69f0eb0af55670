#include "bench/serving/served_models.h"

#include <vector>

#include "absl/strings/string_view.h"
#include "bench/bench_models.h"
#include "client/rollout_arguments.h"
#include "inference/grpc_service.pb.h"
#include "tests/support/random_model.h"

namespace rollout::bench {
namespace {

constexpr uint64_t kSeed = 1;

TransitionModel ShallowModel(const std::string& name, int num_positions) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kConstantAcceleration;
  choice.num_positions = num_positions;
  choice.num_controls = 1;
  choice.hidden_sizes = {8};
  choice.substeps = 1;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = name;
  return RandomModel(spec, kSeed);
}

void AddInput(const char* name, const std::vector<int64_t>& shape, const std::vector<float>& values,
              inference::ModelInferRequest* request) {
  auto* input = request->add_inputs();
  input->set_name(name);
  input->set_datatype("FP32");
  for (const int64_t size : shape) input->add_shape(size);
  request->add_raw_input_contents(reinterpret_cast<const char*>(values.data()),
                                  values.size() * sizeof(float));
}

}  // namespace

TransitionModel SmallestModel() { return ShallowModel("smallest", 1); }

absl::StatusOr<TransitionModel> HopperSizedModel() {
  auto model = MakeBenchModel({});
  if (model.ok()) model->spec.name = "hopper-sized";
  return model;
}

TransitionModel WideModel() { return ShallowModel("wide", 128); }

absl::StatusOr<std::string> RolloutRequestBytes(const TransitionModelSpec& spec,
                                                const RolloutShape& shape) {
  const std::vector<float> state = RandomStates(spec, 1, kSeed);
  const std::vector<float> controls =
      RandomControls(spec, static_cast<int>(shape.lanes), static_cast<int>(shape.horizon), kSeed);
  RolloutArguments arguments;
  arguments.model = spec.name;
  arguments.lanes = shape.lanes;
  arguments.horizon = shape.horizon;
  arguments.initial_states = state;
  arguments.controls = controls;
  arguments.outputs.trajectory = shape.trajectory;
  arguments.outputs.final_state = !shape.trajectory;
  v1::RolloutRequest request;
  if (absl::Status filled = FillRequest(arguments, &request); !filled.ok()) return filled;
  return request.SerializeAsString();
}

std::string InferRequestBytes(const TransitionModelSpec& spec, const RolloutShape& shape) {
  inference::ModelInferRequest request;
  request.set_model_name(spec.name);
  AddInput("initial_state", {1, spec.state_size()}, RandomStates(spec, 1, kSeed), &request);
  AddInput(
      "controls", {shape.lanes, shape.horizon, spec.num_controls},
      RandomControls(spec, static_cast<int>(shape.lanes), static_cast<int>(shape.horizon), kSeed),
      &request);
  request.add_outputs()->set_name(shape.trajectory ? "trajectory" : "final_state");
  return request.SerializeAsString();
}

}  // namespace rollout::bench
