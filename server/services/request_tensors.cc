#include "server/services/request_tensors.h"

#include <cstring>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {

absl::StatusOr<FloatTensorView> FloatTensor(const char* field, const v1::Tensor& tensor) {
  if (tensor.dtype() != v1::Tensor::FP32) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": got dtype ",
                                                   v1::Tensor::DataType_Name(tensor.dtype()),
                                                   ", expected FP32 (little-endian, row-major)"));
  }
  return FloatTensorView{field, std::vector<uint64_t>(tensor.shape().begin(), tensor.shape().end()),
                         tensor.data()};
}

namespace {

std::vector<float> Numbers(const google::protobuf::RepeatedField<float>& field) {
  return {field.begin(), field.end()};
}

}  // namespace

absl::StatusOr<QueryCost> CostFromMessage(const v1::DiagonalCost& message) {
  QueryCost cost;
  cost.state = Numbers(message.state());
  cost.control = Numbers(message.control());
  cost.control_change = Numbers(message.control_change());
  cost.terminal = Numbers(message.terminal());
  cost.last_control = Numbers(message.last_control());
  cost.add_reward = message.add_reward();
  if (!message.has_reference()) return cost;
  const auto view = FloatTensor("cost.reference", message.reference());
  if (!view.ok()) return view.status();
  const std::optional<int64_t> numbers = CheckedProduct(view->shape);
  if (!numbers || *numbers < 1 || view->data.size() % sizeof(float) != 0 ||
      view->data.size() / sizeof(float) != static_cast<size_t>(*numbers)) {
    return absl::InvalidArgumentError(absl::StrCat("cost.reference: got ", view->data.size(),
                                                   " bytes for shape ", ShapeText(view->shape),
                                                   ", expected 4 for each number of it"));
  }
  cost.reference_shape = view->shape;
  cost.reference.resize(static_cast<size_t>(*numbers));
  std::memcpy(cost.reference.data(), view->data.data(), view->data.size());
  return cost;
}

}  // namespace rollout
