// Between spans of numbers and the tensors on the wire.
#ifndef ROLLOUT_CLIENT_TENSOR_H_
#define ROLLOUT_CLIENT_TENSOR_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/array_view.h"
#include "rollout/v1/transition_model.pb.h"

namespace rollout {

// Fills `tensor` with `values` under `shape`, whose product the caller has checked. The wire is
// little-endian like every machine this builds for, so bytes are copied as they are.
void FillTensor(absl::Span<const float> values, absl::Span<const int64_t> shape,
                v1::Tensor* tensor);
void FillTensor(absl::Span<const double> values, absl::Span<const int64_t> shape,
                v1::Tensor* tensor);

// A view of `tensor`, empty where the message has none. INTERNAL naming `name` when type, shape and
// bytes do not fit each other: only a broken server sends that.
absl::StatusOr<ArrayView<float>> FloatView(const v1::Tensor& tensor, absl::string_view name);
absl::StatusOr<ArrayView<int32_t>> IntView(const v1::Tensor& tensor, absl::string_view name);

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_TENSOR_H_
