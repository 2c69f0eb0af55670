#include "server/services/gradient_query.h"

#include <initializer_list>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/services/request_tensors.h"

namespace rollout {
namespace {

constexpr char kTooMany[] = "more than 2^63";

// States and controls, as a rollout of final states takes them; clips here, to see what it cuts.
absl::StatusOr<GradientQuery> MakeInputs(const TransitionModelSpec& spec,
                                         const FloatTensorView& initial_states,
                                         const FloatTensorView& controls, int64_t hold, bool clip,
                                         const RequestLimits& limits) {
  WantedOutputs wanted;
  wanted.final_state = true;
  RequestLimits inputs_alone = limits;  // the reply is not a rollout's
  inputs_alone.max_reply_bytes = std::numeric_limits<int64_t>::max();
  QuerySettings settings;
  settings.hold = hold;
  auto rollout =
      MakeRolloutQuery(spec, initial_states, controls, wanted, false, inputs_alone, settings);
  if (!rollout.ok()) return rollout.status();
  GradientQuery query;
  query.lanes = rollout->lanes;
  query.horizon = rollout->horizon;
  query.hold = hold;
  query.initial_states = std::move(rollout->initial_states);
  query.controls = std::move(rollout->controls);
  if (!clip || spec.control_low.empty()) return query;
  const std::vector<float> asked = query.controls;
  ClipControls(spec, absl::MakeSpan(query.controls));
  for (size_t i = 0; i < asked.size(); ++i) {
    if (asked[i] == query.controls[i]) continue;
    query.cut_off.resize(asked.size());
    query.cut_off[i] = 1;
  }
  return query;
}

// The bytes of arrays of 4-byte numbers together; nullopt where they exceed 2^63 - 1.
std::optional<int64_t> BytesOf(std::initializer_list<std::vector<uint64_t>> shapes) {
  int64_t sum = 0;
  for (const std::vector<uint64_t>& shape : shapes) {
    const std::optional<int64_t> numbers = CheckedProduct(shape);
    if (!numbers || __builtin_add_overflow(sum, *numbers, &sum)) return std::nullopt;
  }
  return CheckedProduct({{static_cast<uint64_t>(sum), sizeof(float)}});
}

// INVALID_ARGUMENT where `what` takes more than `most` bytes; `option` = the server's that says so.
absl::Status CheckBytes(absl::string_view what, std::optional<int64_t> bytes, int64_t most,
                        absl::string_view option) {
  if (bytes && *bytes <= most) return absl::OkStatus();
  const std::string found = bytes ? absl::StrCat(*bytes) : kTooMany;
  return absl::InvalidArgumentError(
      absl::StrCat("controls: ", what, " would take ", found, " bytes, expected at most ", most,
                   " (the server's ", option, "); split the request"));
}

int64_t Hold(uint32_t hold) { return hold == 0 ? 1 : hold; }

// Cotangents of exactly this shape.
absl::StatusOr<std::vector<float>> Cotangents(const char* field, const v1::Tensor& tensor,
                                              const std::vector<uint64_t>& shape) {
  const auto view = FloatTensor(field, tensor);
  if (!view.ok()) return view.status();
  if (view->shape != shape) {
    return absl::InvalidArgumentError(absl::StrCat(field, ": got shape ", ShapeText(view->shape),
                                                   ", expected ", ShapeText(shape)));
  }
  return FiniteNumbers(*view);
}

}  // namespace

int64_t GradientQuery::num_bytes() const {
  const size_t numbers = 2 * (initial_states.size() + controls.size()) +
                         trajectory_cotangents.size() + final_state_cotangents.size();
  return static_cast<int64_t>(numbers * sizeof(float) + cut_off.size());
}

absl::StatusOr<GradientQuery> MakeGradientQuery(const TransitionModelSpec& spec,
                                                const v1::GradientRequest& request,
                                                const RequestLimits& limits) {
  const int objectives = int{request.of_return()} + int{request.has_trajectory_cotangents()} +
                         int{request.has_final_state_cotangents()};
  if (objectives != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("of_return, trajectory_cotangents, final_state_cotangents: got ", objectives,
                     " of them, expected exactly one to differentiate"));
  }
  if (request.has_cost() && !request.of_return()) {
    return absl::InvalidArgumentError(
        "cost: got one without of_return, expected it with the return that it makes");
  }
  if (request.of_return() && spec.reward.empty() && !request.has_cost()) {
    return absl::InvalidArgumentError(
        absl::StrCat("of_return: got true, but ", spec.name,
                     " names no reward; give a cost, or cotangents of states"));
  }
  QuerySettings settings;
  settings.discount = request.has_discount() ? request.discount() : 1.0;
  if (!(settings.discount > 0.0 && settings.discount <= 1.0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("discount: got ", settings.discount, ", expected a number in (0, 1]"));
  }
  if (request.has_cost()) {
    auto cost = CostFromMessage(request.cost());
    if (!cost.ok()) return cost.status();
    settings.cost = *std::move(cost);
  }
  const auto initial_states = FloatTensor("initial_states", request.initial_states());
  if (!initial_states.ok()) return initial_states.status();
  const auto controls = FloatTensor("controls", request.controls());
  if (!controls.ok()) return controls.status();
  const bool clip = !request.has_clip_controls() || request.clip_controls();
  auto query = MakeInputs(spec, *initial_states, *controls, Hold(request.hold()), clip, limits);
  if (!query.ok()) return query.status();
  const uint64_t lanes = static_cast<uint64_t>(query->lanes);
  const uint64_t horizon = static_cast<uint64_t>(query->horizon);
  const uint64_t state = static_cast<uint64_t>(spec.state_size());
  const uint64_t nu = static_cast<uint64_t>(spec.num_controls);
  // The gradients of controls and initial states, final state and first non-finite step, the
  // return.
  const auto reply = BytesOf({{query->controls.size()},
                              {query->initial_states.size()},
                              {lanes, state + 1},
                              {request.of_return() ? lanes : 0}});
  if (absl::Status s = CheckBytes("the reply", reply, limits.max_reply_bytes, "--max-reply-bytes");
      !s.ok()) {
    return s;
  }
  // The states of every member, whatever else an engine keeps between.
  const uint64_t members = static_cast<uint64_t>(spec.ensemble_size);
  const auto kept = BytesOf({{members, lanes, horizon + 1, state}, {lanes, horizon, nu}});
  if (absl::Status s = CheckBytes("the states and controls to differentiate along", kept,
                                  limits.max_gradient_bytes, "--max-gradient-bytes");
      !s.ok()) {
    return s;
  }
  if (absl::Status s = CheckSettings(spec, settings, horizon); !s.ok()) return s;
  query->of_return = request.of_return();
  query->discount = settings.discount;
  query->cost = std::move(settings.cost);
  if (request.has_trajectory_cotangents()) {
    auto given = Cotangents("trajectory_cotangents", request.trajectory_cotangents(),
                            {lanes, horizon + 1, state});
    if (!given.ok()) return given.status();
    query->trajectory_cotangents = *std::move(given);
  }
  if (request.has_final_state_cotangents()) {
    auto given =
        Cotangents("final_state_cotangents", request.final_state_cotangents(), {lanes, state});
    if (!given.ok()) return given.status();
    query->final_state_cotangents = *std::move(given);
  }
  return query;
}

absl::StatusOr<GradientQuery> MakeLinearizeQuery(const TransitionModelSpec& spec,
                                                 const v1::LinearizeRequest& request,
                                                 const RequestLimits& limits) {
  auto initial_state = FloatTensor("initial_state", request.initial_state());
  if (!initial_state.ok()) return initial_state.status();
  auto controls = FloatTensor("controls", request.controls());
  if (!controls.ok()) return controls.status();
  if (initial_state->shape.size() == 1) {
    initial_state->shape.insert(initial_state->shape.begin(), 1);
  }
  if (controls->shape.size() == 2) controls->shape.insert(controls->shape.begin(), 1);
  if (controls->shape.size() == 3 && controls->shape[0] != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("controls: got shape ", ShapeText(controls->shape),
                     ", expected one control sequence, [T, ", spec.num_controls, "]"));
  }
  const bool clip = !request.has_clip_controls() || request.clip_controls();
  auto query = MakeInputs(spec, *initial_state, *controls, Hold(request.hold()), clip, limits);
  if (!query.ok()) return query.status();
  const uint64_t state = static_cast<uint64_t>(spec.state_size());
  const uint64_t horizon = static_cast<uint64_t>(query->horizon);
  const auto reply = BytesOf({{horizon + 1, state},
                              {horizon, state, state},
                              {horizon, state, static_cast<uint64_t>(spec.num_controls)}});
  if (absl::Status s = CheckBytes("the reply", reply, limits.max_reply_bytes, "--max-reply-bytes");
      !s.ok()) {
    return s;
  }
  return query;
}

std::vector<float> HeldRows(const std::vector<float>& rows, int64_t hold, int64_t num_controls) {
  if (hold == 1) return rows;
  std::vector<float> held;
  held.reserve(rows.size() * static_cast<size_t>(hold));
  for (auto row = rows.begin(); row != rows.end(); row += num_controls) {
    for (int64_t k = 0; k < hold; ++k) held.insert(held.end(), row, row + num_controls);
  }
  return held;
}

std::vector<float> SummedRows(const std::vector<float>& rows, int64_t hold, int64_t num_controls) {
  if (hold == 1 || rows.empty()) return rows;
  const size_t nu = static_cast<size_t>(num_controls);
  std::vector<float> sums(rows.size() / static_cast<size_t>(hold));
  for (size_t i = 0; i < sums.size(); ++i) {
    double sum = 0.0;
    const float* const first = rows.data() + i / nu * static_cast<size_t>(hold) * nu + i % nu;
    for (int64_t k = 0; k < hold; ++k) sum += first[static_cast<size_t>(k) * nu];
    sums[i] = static_cast<float>(sum);
  }
  return sums;
}

void ZeroCutOff(const GradientQuery& query, int64_t num_controls, int64_t copies, int64_t rows,
                std::vector<float>* derivatives) {
  const size_t nu = static_cast<size_t>(num_controls);
  const size_t repeats = static_cast<size_t>(copies * rows);
  for (size_t i = 0; i < query.cut_off.size(); ++i) {
    if (query.cut_off[i] == 0) continue;
    const size_t first = i / nu * repeats * nu + i % nu;
    for (size_t k = 0; k < repeats; ++k) (*derivatives)[first + k * nu] = 0.0f;
  }
}

}  // namespace rollout
