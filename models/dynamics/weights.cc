#include "models/dynamics/weights.h"

#include <ATen/ops/from_blob.h>
#include <c10/util/Exception.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace rollout {

absl::StatusOr<ModelWeights> ModelWeights::FromModel(const TransitionModel& model,
                                                     const at::TensorOptions& options) {
  ModelWeights weights;
  for (const TensorShape& expected : ExpectedTensors(model.spec)) {
    const NamedTensor* tensor = FindTensor(model, expected.name);
    if (tensor == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("model ", model.spec.name, ": tensor ", expected.name, " is missing"));
    }
    int64_t size = 1;
    for (int64_t extent : expected.shape) size *= extent;
    if (tensor->shape != expected.shape || static_cast<int64_t>(tensor->data.size()) != size) {
      return absl::InvalidArgumentError(absl::StrCat(
          "model ", model.spec.name, ": tensor ", expected.name, " has ", tensor->data.size(),
          " numbers in another shape than the specification's ", size));
    }
    at::Tensor view = at::from_blob(const_cast<float*>(tensor->data.data()), expected.shape,
                                    at::TensorOptions(at::kFloat));
    weights.entries_.push_back(
        {expected.name, view.to(options, /*non_blocking=*/false, /*copy=*/true)});
  }
  return weights;
}

std::vector<NamedTensor> ModelWeights::ToFloat32() const {
  std::vector<NamedTensor> tensors;
  tensors.reserve(entries_.size());
  for (const Entry& entry : entries_) {
    const at::Tensor values = entry.value.detach().to(at::kCPU, at::kFloat).contiguous();
    NamedTensor tensor{entry.name, entry.value.sizes().vec(), {}};
    tensor.data.resize(static_cast<size_t>(values.numel()));
    if (!tensor.data.empty()) {
      std::memcpy(tensor.data.data(), values.const_data_ptr<float>(),
                  tensor.data.size() * sizeof(float));
    }
    tensors.push_back(std::move(tensor));
  }
  return tensors;
}

at::Tensor ModelWeights::Find(const std::string& name) const {
  for (const Entry& entry : entries_) {
    if (entry.name == name) return entry.value;
  }
  return {};
}

bool ModelWeights::IsLearned(const std::string& name) {
  return name.rfind("input.", 0) != 0 && name.rfind("output.", 0) != 0;
}

void ModelWeights::RequireGradients(bool required) {
  for (Entry& entry : entries_) {
    if (IsLearned(entry.name)) entry.value.set_requires_grad(required);
  }
}

}  // namespace rollout
