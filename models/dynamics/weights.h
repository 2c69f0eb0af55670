// The weights of a transition model as LibTorch tensors.
#ifndef ROLLOUT_MODELS_DYNAMICS_WEIGHTS_H_
#define ROLLOUT_MODELS_DYNAMICS_WEIGHTS_H_

#include <ATen/core/Tensor.h>
#include <c10/core/TensorOptions.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "models/transition_model.h"

namespace rollout {

// Named tensors, shapes as in weights.safetensors (every network tensor has the leading axis E;
// normalisers have none). The tensors are leafs: a trainer asks for gradients on those that it
// learns, changes them in place, and makes new Dynamics from them after each change. A plain value
// whose tensors are shared by copies; not for use by two threads while one changes it.
class ModelWeights {
 public:
  struct Entry {
    std::string name;  // "mlp.0.weight", "input.mean"
    at::Tensor value;
  };

  ModelWeights() = default;
  // Of tensors that the caller made, which may depend on leafs of its own.
  explicit ModelWeights(std::vector<Entry> entries) : entries_(std::move(entries)) {}

  // Copies the weights of `model`, converted to the dtype and device of `options`.
  // INVALID_ARGUMENT where a tensor of ExpectedTensors(model.spec) is missing or has another size.
  static absl::StatusOr<ModelWeights> FromModel(const TransitionModel& model,
                                                const at::TensorOptions& options);

  // The tensors as float32 arrays, in the order of `entries`: what a checkpoint holds.
  std::vector<NamedTensor> ToFloat32() const;

  const std::vector<Entry>& entries() const { return entries_; }
  // The tensor of that name, undefined where there is none.
  at::Tensor Find(const std::string& name) const;
  // True for what training learns: layers of networks, not normalisers.
  static bool IsLearned(const std::string& name);
  // The learned tensors now ask for gradients (or no longer do).
  void RequireGradients(bool required);

 private:
  std::vector<Entry> entries_;
};

}  // namespace rollout

#endif  // ROLLOUT_MODELS_DYNAMICS_WEIGHTS_H_
