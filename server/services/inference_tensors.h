// The inputs and outputs that every model has in the Open Inference Protocol.
#ifndef ROLLOUT_SERVER_SERVICES_INFERENCE_TENSORS_H_
#define ROLLOUT_SERVER_SERVICES_INFERENCE_TENSORS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "models/transition_model.h"

namespace rollout {

inline constexpr char kInitialStateInput[] = "initial_state";
inline constexpr char kControlsInput[] = "controls";
inline constexpr char kFramesTensor[] = "frames";  // input and output of pixel models
inline constexpr char kTrajectoryOutput[] = "trajectory";
inline constexpr char kFinalStateOutput[] = "final_state";
inline constexpr char kReturnOutput[] = "return";
inline constexpr char kFirstNonFiniteStepOutput[] = "first_non_finite_step";

struct InferenceTensor {
  std::string name;
  std::string datatype;
  std::vector<int64_t> shape;  // -1 = any
  bool only_by_name = false;   // not among "all outputs"
};

inline bool HasFrames(const TransitionModelSpec& spec) {
  return spec.dynamics.kind == DynamicsKind::kPixelHnn;
}

// initial_state FP32 [-1, 2n], controls FP32 [-1, -1, nu]. A pixel model takes the last two frames
// in the place of the initial state: frames FP32 [-1, 2, 28, 28].
inline std::vector<InferenceTensor> InferenceInputs(const TransitionModelSpec& spec) {
  std::vector<InferenceTensor> inputs = {{kInitialStateInput, "FP32", {-1, spec.state_size()}},
                                         {kControlsInput, "FP32", {-1, -1, spec.num_controls}}};
  if (HasFrames(spec))
    inputs.push_back({kFramesTensor, "FP32", {-1, 2, kFrameHeight, kFrameWidth}});
  return inputs;
}

// trajectory FP32 [-1, -1, 2n], final_state FP32 [-1, 2n], return FP32 [-1] where the model names a
// reward, and only where they are asked for first_non_finite_step INT32 [-1] and, of a pixel model,
// what each state looks like: frames FP32 [-1, -1, 28, 28].
inline std::vector<InferenceTensor> InferenceOutputs(const TransitionModelSpec& spec) {
  std::vector<InferenceTensor> outputs = {{kTrajectoryOutput, "FP32", {-1, -1, spec.state_size()}},
                                          {kFinalStateOutput, "FP32", {-1, spec.state_size()}}};
  if (!spec.reward.empty()) outputs.push_back({kReturnOutput, "FP32", {-1}});
  outputs.push_back({kFirstNonFiniteStepOutput, "INT32", {-1}, true});
  if (HasFrames(spec)) {
    outputs.push_back({kFramesTensor, "FP32", {-1, -1, kFrameHeight, kFrameWidth}, true});
  }
  return outputs;
}

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_INFERENCE_TENSORS_H_
