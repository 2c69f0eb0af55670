#include "client/tensor.h"

#include <bit>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

static_assert(std::endian::native == std::endian::little);

template <typename Number>
void Fill(absl::Span<const Number> values, absl::Span<const int64_t> shape,
          v1::Tensor::DataType dtype, v1::Tensor* tensor) {
  tensor->set_dtype(dtype);
  tensor->clear_shape();
  for (const int64_t size : shape) tensor->add_shape(static_cast<uint64_t>(size));
  tensor->set_data(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
}

template <typename Number>
absl::StatusOr<ArrayView<Number>> View(const v1::Tensor& tensor, v1::Tensor::DataType dtype,
                                       absl::string_view name) {
  ArrayView<Number> view;
  if (tensor.dtype() == v1::Tensor::DATA_TYPE_UNSPECIFIED) return view;
  if (tensor.dtype() != dtype) {
    return absl::InternalError(absl::StrCat("reply: ", name, " is ",
                                            v1::Tensor::DataType_Name(tensor.dtype()),
                                            ", expected ", v1::Tensor::DataType_Name(dtype)));
  }
  uint64_t count = 1;
  bool fits = true;
  for (const uint64_t size : tensor.shape()) {
    // The product may wrap: hold each factor against what the bytes leave room for.
    fits = fits && (size == 0 || count <= std::numeric_limits<uint64_t>::max() / size);
    count *= size;
    view.shape.push_back(static_cast<int64_t>(size));
  }
  if (!fits || count != tensor.data().size() / sizeof(Number) ||
      tensor.data().size() % sizeof(Number) != 0) {
    return absl::InternalError(absl::StrCat("reply: ", name, " of shape [",
                                            absl::StrJoin(tensor.shape(), ", "), "] has ",
                                            tensor.data().size(), " bytes"));
  }
  view.values = absl::MakeConstSpan(reinterpret_cast<const Number*>(tensor.data().data()), count);
  return view;
}

}  // namespace

void FillTensor(absl::Span<const float> values, absl::Span<const int64_t> shape,
                v1::Tensor* tensor) {
  Fill(values, shape, v1::Tensor::FP32, tensor);
}

void FillTensor(absl::Span<const double> values, absl::Span<const int64_t> shape,
                v1::Tensor* tensor) {
  Fill(values, shape, v1::Tensor::FP64, tensor);
}

absl::StatusOr<ArrayView<float>> FloatView(const v1::Tensor& tensor, absl::string_view name) {
  return View<float>(tensor, v1::Tensor::FP32, name);
}

absl::StatusOr<ArrayView<int32_t>> IntView(const v1::Tensor& tensor, absl::string_view name) {
  return View<int32_t>(tensor, v1::Tensor::INT32, name);
}

}  // namespace rollout
