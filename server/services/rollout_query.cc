#include "server/services/rollout_query.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

absl::Status BadShape(const FloatTensorView& tensor, const std::string& expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(tensor.field, ": got shape ", ShapeText(tensor.shape), ", expected ", expected));
}

absl::Status CheckShapes(const TransitionModelSpec& spec, const FloatTensorView& initial_states,
                         const FloatTensorView& controls) {
  const uint64_t nu = spec.num_controls;
  const uint64_t state_size = spec.state_size();
  const std::string controls_shape =
      absl::StrCat("[B, T, ", nu, "] (", spec.name, " has ", nu, " controls)");
  if (controls.shape.size() != 3 || controls.shape[2] != nu) {
    return BadShape(controls, controls_shape);
  }
  if (controls.shape[0] == 0 || controls.shape[1] == 0) {
    return BadShape(controls, absl::StrCat(controls_shape, " with B >= 1 and T >= 1"));
  }
  const std::string states_shape = absl::StrCat(
      "[1, ", state_size, "] ",
      controls.shape[0] == 1 ? std::string()
                             : absl::StrCat("or [", controls.shape[0], ", ", state_size, "] "),
      "(", spec.name, " has ", spec.num_positions, " positions and as many velocities)");
  if (initial_states.shape.size() != 2 || initial_states.shape[1] != state_size ||
      (initial_states.shape[0] != 1 && initial_states.shape[0] != controls.shape[0])) {
    return BadShape(initial_states, states_shape);
  }
  return absl::OkStatus();
}

absl::Status CheckLimits(const FloatTensorView& controls, int64_t hold,
                         const RequestLimits& limits) {
  const uint64_t lanes = controls.shape[0];
  // Beyond 2^63 it is beyond every limit.
  const std::optional<int64_t> product =
      CheckedProduct({{controls.shape[1], static_cast<uint64_t>(hold)}});
  const uint64_t horizon = product ? *product : std::numeric_limits<int64_t>::max();
  if (lanes > static_cast<uint64_t>(limits.max_lanes)) {
    return absl::InvalidArgumentError(
        absl::StrCat(controls.field, ": got ", lanes, " lanes, expected at most ", limits.max_lanes,
                     " (the server's --max-lanes); split the request"));
  }
  if (horizon > static_cast<uint64_t>(limits.max_horizon)) {
    return absl::InvalidArgumentError(absl::StrCat(
        controls.field, ": got a horizon of ", horizon, " transitions, expected at most ",
        limits.max_horizon, " (the server's --max-horizon)"));
  }
  return absl::OkStatus();
}

absl::Status CheckBytes(const FloatTensorView& tensor) {
  const std::optional<int64_t> numbers = CheckedProduct(tensor.shape);
  constexpr int64_t kMost = std::numeric_limits<int64_t>::max() / 4;
  if (!numbers || *numbers > kMost) {
    return BadShape(tensor, "a shape whose size in bytes is below 2^63");
  }
  if (tensor.data.size() != static_cast<uint64_t>(*numbers) * sizeof(float)) {
    return absl::InvalidArgumentError(
        absl::StrCat(tensor.field, ": got ", tensor.data.size(), " bytes, expected ",
                     *numbers * sizeof(float), " for shape ", ShapeText(tensor.shape), " of FP32"));
  }
  return absl::OkStatus();
}

// Takes the numbers out of `tensor`.
absl::StatusOr<std::vector<float>> Finite(const FloatTensorView& tensor) {
  std::vector<float> values(tensor.data.size() / sizeof(float));
  if (!values.empty()) std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
  // NaN and the infinities are what has all exponent bits set; a loop without branches vectorises.
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t any_bad = 0;
  for (const float value : values) {
    any_bad |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent;
  }
  if (any_bad == 0) return values;

  const auto bad = std::find_if_not(values.begin(), values.end(),
                                    [](float value) { return std::isfinite(value); });
  uint64_t flat = bad - values.begin();
  std::vector<uint64_t> index(tensor.shape.size());
  for (size_t axis = tensor.shape.size(); axis-- > 0;) {
    index[axis] = flat % tensor.shape[axis];
    flat /= tensor.shape[axis];
  }
  return absl::InvalidArgumentError(absl::StrCat(tensor.field, ShapeText(index), ": got ",
                                                 std::isnan(*bad) ? "NaN" : "an infinity",
                                                 ", expected a finite number"));
}

void Clip(const TransitionModelSpec& spec, std::vector<float>* controls) {
  if (spec.control_low.empty()) return;
  const size_t nu = spec.num_controls;
  for (size_t i = 0; i < controls->size(); i += nu) {
    for (size_t k = 0; k < nu; ++k) {
      float& control = (*controls)[i + k];
      control = std::clamp(control, spec.control_low[k], spec.control_high[k]);
    }
  }
}

absl::Status CheckOutputs(const TransitionModelSpec& spec, const WantedOutputs& wanted,
                          const QuerySettings& settings, const FloatTensorView& controls,
                          const RequestLimits& limits) {
  if (wanted.stride < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("outputs.stride: got ", wanted.stride, ", expected at least 1"));
  }
  if ((wanted.total_return || wanted.rewards) && spec.reward.empty() && !settings.cost) {
    return absl::InvalidArgumentError(
        absl::StrCat("outputs: got a request for ", wanted.rewards ? "rewards" : "the return",
                     ", but ", spec.name, " names no reward; ask for states only, or give a cost"));
  }
  if (wanted.first_outside_step && spec.data_low.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("outputs.first_outside_step: got true, but ", spec.name,
                     " does not say what range its data had (data_low, data_high)"));
  }
  if (wanted.spread && settings.ensemble != EnsembleUse::kAllMembers) {
    return absl::InvalidArgumentError(
        "outputs.spread: got true, but with TS1 and TSINF a lane follows one member; ask for "
        "ALL_MEMBERS");
  }
  // Lanes and horizon are within the limits by now and 2n is at most 1024.
  const uint64_t lanes = controls.shape[0];
  const uint64_t horizon = controls.shape[1] * settings.hold;
  const uint64_t state_size = spec.state_size();
  const uint64_t copies = wanted.spread ? 2 : 1;
  uint64_t numbers_per_lane = 0;
  if (wanted.frames) {
    const uint64_t frames = lanes * (horizon + 1);
    if (frames > static_cast<uint64_t>(limits.max_frames)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "outputs: got a request for ", frames, " frames, expected at most ", limits.max_frames,
          " (the server's --max-frames); ask for fewer lanes or transitions"));
    }
    numbers_per_lane += (horizon + 1) * kFrameNumbers;
  }
  if (wanted.trajectory) {
    numbers_per_lane += copies * TrajectoryRows(horizon, wanted.stride) * state_size;
  }
  if (wanted.final_state) numbers_per_lane += copies * state_size;
  if (wanted.rewards) numbers_per_lane += horizon;
  numbers_per_lane += 3;
  if (wanted.spread) ++numbers_per_lane;
  if (wanted.first_outside_step) ++numbers_per_lane;
  const std::optional<int64_t> bytes = CheckedProduct({{lanes, numbers_per_lane, sizeof(float)}});
  if (!bytes || *bytes > limits.max_reply_bytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "outputs: the reply would take ", bytes ? absl::StrCat(*bytes) : "more than 2^63",
        " bytes, expected at most ", limits.max_reply_bytes,
        " (the server's --max-reply-bytes); ask for the final state or a larger stride, or split "
        "the request"));
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<int64_t> CheckedProduct(absl::Span<const uint64_t> factors) {
  int64_t product = 1;
  bool overflow = false;
  for (const uint64_t factor : factors) {
    if (factor == 0) return 0;
    overflow = overflow || __builtin_mul_overflow(product, factor, &product);
  }
  if (overflow) return std::nullopt;
  return product;
}

std::string ShapeText(absl::Span<const uint64_t> shape) {
  // No tensor has that many dimensions; a caller may send millions.
  constexpr size_t kMost = 8;
  if (shape.size() <= kMost) return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
  return absl::StrCat("[", absl::StrJoin(shape.first(kMost), ", "), ", ... ", shape.size(),
                      " sizes]");
}

absl::StatusOr<std::vector<float>> FiniteNumbers(const FloatTensorView& tensor) {
  if (absl::Status s = CheckBytes(tensor); !s.ok()) return s;
  return Finite(tensor);
}

absl::StatusOr<RolloutQuery> MakeRolloutQuery(const TransitionModelSpec& spec,
                                              const FloatTensorView& initial_states,
                                              const FloatTensorView& controls,
                                              const WantedOutputs& wanted, bool clip_controls,
                                              const RequestLimits& limits, QuerySettings settings) {
  // In order, as each check relies on those before it: Update would evaluate all of them.
  if (absl::Status s = CheckShapes(spec, initial_states, controls); !s.ok()) return s;
  if (absl::Status s = CheckLimits(controls, settings.hold, limits); !s.ok()) return s;
  if (absl::Status s = CheckBytes(initial_states); !s.ok()) return s;
  if (absl::Status s = CheckBytes(controls); !s.ok()) return s;
  const uint64_t horizon = controls.shape[1] * settings.hold;
  if (absl::Status s = CheckSettings(spec, settings, horizon); !s.ok()) return s;
  if (absl::Status s = CheckOutputs(spec, wanted, settings, controls, limits); !s.ok()) return s;

  RolloutQuery query;
  query.lanes = static_cast<int64_t>(controls.shape[0]);
  query.horizon = static_cast<int64_t>(horizon);
  query.wanted = wanted;
  query.settings = std::move(settings);
  auto states = Finite(initial_states);
  if (!states.ok()) return states.status();
  query.initial_states = *std::move(states);
  auto values = Finite(controls);
  if (!values.ok()) return values.status();
  query.controls = *std::move(values);
  if (clip_controls) Clip(spec, &query.controls);
  return query;
}

}  // namespace rollout
