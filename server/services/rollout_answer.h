// The memory that an engine writes a reply into.
#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWER_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWER_H_

#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <memory>

#include "absl/types/span.h"
#include "models/engines/engine.h"
#include "models/transition_model.h"
#include "server/services/rollout_query.h"

namespace rollout {

// Uninitialised memory of 4-byte numbers that can leave as a gRPC slice without a copy.
class OutputBuffer {
 public:
  OutputBuffer() = default;
  explicit OutputBuffer(int64_t numbers) : numbers_(numbers), bytes_(new char[numbers * 4]) {}

  bool empty() const { return numbers_ == 0; }
  int64_t num_bytes() const { return numbers_ * 4; }
  absl::Span<float> floats() { return {reinterpret_cast<float*>(bytes_.get()), Size()}; }
  absl::Span<int32_t> ints() { return {reinterpret_cast<int32_t*>(bytes_.get()), Size()}; }

  // Hands the memory over; the buffer is empty afterwards.
  grpc::Slice Release();

 private:
  size_t Size() const { return static_cast<size_t>(numbers_); }

  int64_t numbers_ = 0;
  std::unique_ptr<char[]> bytes_;
};

// The outputs of one query. Owned by its call; lives until the reply is made.
struct RolloutAnswer {
  // Buffers for what `query` wants of a model, and first_non_finite_step always.
  RolloutAnswer(const RolloutQuery& query, const TransitionModelSpec& spec);

  // A job that reads `query` and writes here; both must outlive it and stay where they are.
  RolloutJob JobFor(const RolloutQuery& query);

  int64_t num_bytes() const;

  // Whether some lane has a state that is not finite.
  bool diverged(const RolloutQuery& query);

  OutputBuffer trajectory;             // [B, 1 + T / stride, 2n]
  OutputBuffer trajectory_spread;      // the same
  OutputBuffer final_state;            // [B, 2n]
  OutputBuffer final_state_spread;     // [B, 2n]
  OutputBuffer total_return;           // [B]
  OutputBuffer return_spread;          // [B]
  OutputBuffer rewards;                // [B, T]
  OutputBuffer terminated_step;        // [B]
  OutputBuffer first_non_finite_step;  // [B]
  OutputBuffer first_outside_step;     // [B]

 private:
  DiagonalCost cost_;  // of the query
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_ANSWER_H_
