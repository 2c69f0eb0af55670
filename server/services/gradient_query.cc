#include "server/services/gradient_query.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "server/services/request_tensors.h"

namespace rollout {
namespace {

// States and controls, as a rollout of final states takes them; clips here, to see what it cuts.
absl::StatusOr<GradientQuery> MakeInputs(const TransitionModelSpec& spec,
                                         const FloatTensorView& initial_states,
                                         const FloatTensorView& controls, bool clip,
                                         const RequestLimits& limits) {
  WantedOutputs wanted;
  wanted.final_state = true;
  auto rollout = MakeRolloutQuery(spec, initial_states, controls, wanted, false, limits);
  if (!rollout.ok()) return rollout.status();
  GradientQuery query;
  query.lanes = rollout->lanes;
  query.horizon = rollout->horizon;
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

absl::Status CheckReply(const char* what, uint64_t a, uint64_t b, uint64_t c,
                        const RequestLimits& limits) {
  const std::optional<int64_t> bytes = CheckedProduct({{a, b, c, sizeof(float)}});
  if (bytes && *bytes <= limits.max_reply_bytes) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(what, ": the reply would take ", bytes ? absl::StrCat(*bytes) : "more than 2^63",
                   " bytes, expected at most ", limits.max_reply_bytes,
                   " (the server's --max-reply-bytes); split the request"));
}

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
  auto query = MakeInputs(spec, *initial_states, *controls, clip, limits);
  if (!query.ok()) return query.status();
  const uint64_t lanes = static_cast<uint64_t>(query->lanes);
  const uint64_t horizon = static_cast<uint64_t>(query->horizon);
  const uint64_t state = static_cast<uint64_t>(spec.state_size());
  const uint64_t nu = static_cast<uint64_t>(spec.num_controls);
  if (absl::Status s = CheckReply("controls", lanes, horizon + 1, nu + state, limits); !s.ok()) {
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
  auto query = MakeInputs(spec, *initial_state, *controls, clip, limits);
  if (!query.ok()) return query.status();
  const uint64_t state = static_cast<uint64_t>(spec.state_size());
  const uint64_t columns = state + static_cast<uint64_t>(spec.num_controls) + 1;
  if (absl::Status s =
          CheckReply("controls", static_cast<uint64_t>(query->horizon) + 1, state, columns, limits);
      !s.ok()) {
    return s;
  }
  return query;
}

void ZeroCutOff(const GradientQuery& query, int64_t num_controls, int64_t rows,
                std::vector<float>* derivatives) {
  for (size_t i = 0; i < query.cut_off.size(); ++i) {
    if (query.cut_off[i] == 0) continue;
    const size_t nu = static_cast<size_t>(num_controls);
    const size_t first = i / nu * static_cast<size_t>(rows) * nu + i % nu;
    for (int64_t row = 0; row < rows; ++row) {
      (*derivatives)[first + static_cast<size_t>(row) * nu] = 0.0f;
    }
  }
}

}  // namespace rollout
