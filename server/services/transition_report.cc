#include "server/services/transition_report.h"

#include <cmath>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

template <typename Number>
std::vector<double> Numbers(const std::string& bytes) {
  std::vector<Number> numbers(bytes.size() / sizeof(Number));
  if (!numbers.empty()) std::memcpy(numbers.data(), bytes.data(), bytes.size());
  return {numbers.begin(), numbers.end()};
}

// `tensor` must be [rows, columns] of FP32 or FP64, with rows at most `max_rows`.
absl::StatusOr<std::vector<double>> Matrix(const char* field, const v1::Tensor& tensor,
                                           const std::string& expected, uint64_t columns,
                                           uint64_t max_rows) {
  const std::vector<uint64_t> shape(tensor.shape().begin(), tensor.shape().end());
  if (tensor.dtype() != v1::Tensor::FP32 && tensor.dtype() != v1::Tensor::FP64) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": got dtype ", v1::Tensor::DataType_Name(tensor.dtype()),
                     ", expected FP32 or FP64 (little-endian, row-major)"));
  }
  if (shape.size() != 2 || shape[1] != columns) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": got shape ", ShapeText(shape), ", expected ", expected));
  }
  if (shape[0] > max_rows) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": got ", shape[0], " rows, expected at most ", max_rows,
                     " (the server's --max-horizon and one); report an episode in several chunks"));
  }
  const bool is_float = tensor.dtype() == v1::Tensor::FP32;
  const uint64_t bytes = shape[0] * columns * (is_float ? sizeof(float) : sizeof(double));
  if (tensor.data().size() != bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat(field, ": got ", tensor.data().size(), " bytes, expected ", bytes,
                     " for shape ", ShapeText(shape), " of ", is_float ? "FP32" : "FP64"));
  }
  return is_float ? Numbers<float>(tensor.data()) : Numbers<double>(tensor.data());
}

// Of `states` states whose neighbours must be the model's transition_dt apart.
absl::Status CheckTimestamps(const v1::ReportTransitionsRequest& request, uint64_t states,
                             double transition_dt) {
  const auto& times = request.timestamps();
  if (times.empty()) return absl::OkStatus();
  if (request.period() != 0.0) {
    return absl::InvalidArgumentError(absl::StrCat("timestamps: got them beside a period of ",
                                                   request.period(),
                                                   " s, expected at most one of the two"));
  }
  if (static_cast<uint64_t>(times.size()) != states) {
    return absl::InvalidArgumentError(absl::StrCat(
        "timestamps: got ", times.size(), " of them, expected ", states, ", one for each state"));
  }
  const double tolerance = ReportedEpisodesOptions().period_tolerance;
  for (int i = 1; i < times.size(); ++i) {
    const double step = times[i] - times[i - 1];
    if (std::abs(step - transition_dt) <= tolerance * transition_dt) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("timestamps[", i, "]: got ", step,
                     " s after the one before, expected the model's transition_dt, ", transition_dt,
                     " s, within ", 100 * tolerance, "%; begin another report after a gap"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TransitionChunk> ChunkFromMessage(const v1::ReportTransitionsRequest& request,
                                                 const TransitionModelSpec& spec,
                                                 const RequestLimits& limits) {
  const std::string states_shape = absl::StrCat("[k + 1, ", spec.state_size(), "] with k >= 1");
  const std::string controls_shape = absl::StrCat("[k, ", spec.num_controls, "] with k >= 1");
  const uint64_t max_rows = static_cast<uint64_t>(limits.max_horizon) + 1;
  auto states = Matrix("states", request.states(), states_shape, spec.state_size(), max_rows);
  if (!states.ok()) return states.status();
  auto controls =
      Matrix("controls", request.controls(), controls_shape, spec.num_controls, max_rows);
  if (!controls.ok()) return controls.status();
  const uint64_t transitions = request.controls().shape(0);
  if (transitions == 0 || request.states().shape(0) != transitions + 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "states, controls: got ", request.states().shape(0), " states and ", transitions,
        " controls, expected k + 1 states and k >= 1 controls: the last state is the one after the "
        "last control"));
  }
  if (absl::Status times = CheckTimestamps(request, transitions + 1, spec.transition_dt);
      !times.ok()) {
    return times;
  }
  TransitionChunk chunk;
  chunk.client = request.client();
  chunk.episode = request.episode();
  chunk.first_step = request.first_step();
  chunk.states = *std::move(states);
  chunk.controls = *std::move(controls);
  chunk.num_transitions = static_cast<int64_t>(transitions);
  chunk.period = request.period();
  chunk.terminated = request.terminated();
  chunk.truncated = request.truncated();
  return chunk;
}

}  // namespace rollout
