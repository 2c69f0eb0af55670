// A shape and the numbers it describes, owned by somebody else.
#ifndef ROLLOUT_CLIENT_ARRAY_VIEW_H_
#define ROLLOUT_CLIENT_ARRAY_VIEW_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace rollout {

// Row-major numbers of a reply; valid as long as the RolloutResult (or a copy of it) that gave it.
// `shape` is empty where the reply does not hold this array.
template <typename Number>
struct ArrayView {
  std::vector<int64_t> shape;
  absl::Span<const Number> values;

  bool empty() const { return shape.empty(); }

  // The numbers at `index` of the first axis, for instance one lane's trajectory [T + 1, 2n].
  absl::Span<const Number> Row(int64_t index) const {
    const size_t row = shape.empty() || shape[0] == 0 ? 0 : values.size() / shape[0];
    return values.subspan(index * row, row);
  }
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_ARRAY_VIEW_H_
