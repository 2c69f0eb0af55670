#include <algorithm>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "rollout/v1/transition_model.pb.h"
#include "server/services/message_bytes.h"
#include "server/services/reply_writer.h"
#include "server/services/request_tensors.h"
#include "server/services/rollout_codec.h"

namespace rollout {
namespace {

WantedOutputs Wanted(const v1::RolloutOutputs& outputs) {
  WantedOutputs wanted;
  wanted.trajectory = outputs.trajectory();
  wanted.final_state = outputs.final_state();
  wanted.total_return = outputs.total_return();
  wanted.rewards = outputs.rewards();
  wanted.terminated_step = outputs.terminated_step();
  wanted.first_non_finite_step = outputs.first_non_finite_step();
  wanted.first_outside_step = outputs.first_outside_step();
  wanted.spread = outputs.spread();
  wanted.stride = outputs.stride() == 0 ? 1 : outputs.stride();
  const bool nothing_chosen = !wanted.trajectory && !wanted.final_state && !wanted.total_return &&
                              !wanted.rewards && !wanted.terminated_step &&
                              !wanted.first_non_finite_step && !wanted.first_outside_step;
  if (nothing_chosen) wanted.trajectory = true;
  return wanted;
}

absl::StatusOr<QuerySettings> Settings(const v1::RolloutRequest& request) {
  QuerySettings settings;
  settings.hold = request.hold() == 0 ? 1 : request.hold();
  settings.discount = request.has_discount() ? request.discount() : 1.0;
  settings.seed = request.seed();
  switch (request.ensemble()) {
    case v1::RolloutRequest::ALL_MEMBERS:
      break;
    case v1::RolloutRequest::TS1:
      settings.ensemble = EnsembleUse::kTs1;
      break;
    case v1::RolloutRequest::TSINF:
      settings.ensemble = EnsembleUse::kTsInf;
      break;
    default:
      return absl::InvalidArgumentError(absl::StrCat("ensemble: got ",
                                                     static_cast<int>(request.ensemble()),
                                                     ", expected ALL_MEMBERS, TS1 or TSINF"));
  }
  if (request.has_cost()) {
    auto cost = CostFromMessage(request.cost());
    if (!cost.ok()) return cost.status();
    settings.cost = *std::move(cost);
  }
  return settings;
}

void AppendTensor(int field, v1::Tensor::DataType dtype, std::initializer_list<int64_t> shape,
                  OutputBuffer* data, ReplyWriter* writer) {
  if (data->empty()) return;
  v1::Tensor head;
  head.set_dtype(dtype);
  for (const int64_t size : shape) head.add_shape(size);
  writer->AppendMessageWithBytes(field, head, v1::Tensor::kDataFieldNumber, data->Release());
}

class TransitionModelCodec final : public RolloutCodec {
 public:
  absl::StatusOr<DecodedRollout> Decode(const grpc::ByteBuffer& bytes, VersionSource* versions,
                                        const RequestLimits& limits,
                                        RequestNames* refused) const override {
    v1::RolloutRequest request;
    if (absl::Status parsed = ParseMessage(bytes, &request); !parsed.ok()) return parsed;
    auto decoded = Understand(request, versions, limits);
    if (!decoded.ok()) *refused = {request.model(), request.id()};
    return decoded;
  }

  RequestNames NamesOf(const grpc::ByteBuffer& bytes) const override {
    v1::RolloutRequest request;
    if (!ParseMessage(bytes, &request).ok()) return {};
    return {request.model(), request.id()};
  }

  grpc::ByteBuffer Encode(const DecodedRollout& request, RolloutAnswer* answer) const override {
    using Reply = v1::RolloutReply;
    constexpr auto kFloat = v1::Tensor::FP32;
    constexpr auto kInt = v1::Tensor::INT32;
    const RolloutQuery& query = request.query;
    const int64_t lanes = query.lanes;
    const int64_t state_size = request.servable->spec().state_size();

    Reply head;
    head.set_model(request.servable->name());
    head.set_version(request.servable->version());
    head.set_id(request.id);
    ReplyWriter writer;
    writer.AppendFields(head);
    const int64_t rows = TrajectoryRows(query.horizon, query.wanted.stride);
    AppendTensor(Reply::kTrajectoryFieldNumber, kFloat, {lanes, rows, state_size},
                 &answer->trajectory, &writer);
    AppendTensor(Reply::kTrajectorySpreadFieldNumber, kFloat, {lanes, rows, state_size},
                 &answer->trajectory_spread, &writer);
    AppendTensor(Reply::kFinalStateSpreadFieldNumber, kFloat, {lanes, state_size},
                 &answer->final_state_spread, &writer);
    AppendTensor(Reply::kReturnSpreadFieldNumber, kFloat, {lanes}, &answer->return_spread, &writer);
    AppendTensor(Reply::kFirstOutsideStepFieldNumber, kInt, {lanes}, &answer->first_outside_step,
                 &writer);
    AppendTensor(Reply::kFinalStateFieldNumber, kFloat, {lanes, state_size}, &answer->final_state,
                 &writer);
    AppendTensor(Reply::kTotalReturnFieldNumber, kFloat, {lanes}, &answer->total_return, &writer);
    AppendTensor(Reply::kRewardsFieldNumber, kFloat, {lanes, query.horizon}, &answer->rewards,
                 &writer);
    AppendTensor(Reply::kTerminatedStepFieldNumber, kInt, {lanes}, &answer->terminated_step,
                 &writer);
    // Nobody has to ask to be told that a lane diverged.
    if (query.wanted.first_non_finite_step || answer->diverged(query)) {
      AppendTensor(Reply::kFirstNonFiniteStepFieldNumber, kInt, {lanes},
                   &answer->first_non_finite_step, &writer);
    }
    return writer.Finish();
  }

 private:
  static absl::StatusOr<DecodedRollout> Understand(const v1::RolloutRequest& request,
                                                   VersionSource* versions,
                                                   const RequestLimits& limits) {
    // No version is as large as that: what exceeds int64 is as unknown as the largest.
    const int64_t version = static_cast<int64_t>(
        std::min<uint64_t>(request.version(), std::numeric_limits<int64_t>::max()));
    auto servable = versions->Find(request.model(), {version, request.label()});
    if (!servable.ok()) return servable.status();
    const auto initial_states = FloatTensor("initial_states", request.initial_states());
    if (!initial_states.ok()) return initial_states.status();
    const auto controls = FloatTensor("controls", request.controls());
    if (!controls.ok()) return controls.status();
    auto settings = Settings(request);
    if (!settings.ok()) return settings.status();
    const bool clip = !request.has_clip_controls() || request.clip_controls();
    auto query = MakeRolloutQuery((*servable)->spec(), *initial_states, *controls,
                                  Wanted(request.outputs()), clip, limits, *std::move(settings));
    if (!query.ok()) return query.status();

    DecodedRollout decoded;
    decoded.servable = *std::move(servable);
    decoded.query = *std::move(query);
    decoded.id = request.id();
    if (request.timeout_us() != 0) {
      decoded.timeout = absl::Microseconds(
          std::min<uint64_t>(request.timeout_us(), std::numeric_limits<int64_t>::max()));
    }
    return decoded;
  }
};

}  // namespace

std::unique_ptr<RolloutCodec> MakeTransitionModelCodec() {
  return std::make_unique<TransitionModelCodec>();
}

}  // namespace rollout
