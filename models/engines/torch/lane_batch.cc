#include "models/engines/torch/lane_batch.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>

#include <utility>

namespace rollout {
namespace {

at::Tensor View(absl::Span<const float> values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values.data()), shape, at::TensorOptions(at::kFloat));
}

// One lane's state for many: [.., 1, n] → [.., lanes, n].
at::Tensor RepeatLanes(const at::Tensor& values, int64_t lanes) {
  if (values.size(-2) == lanes) return values;
  std::vector<int64_t> shape = values.sizes().vec();
  shape[shape.size() - 2] = lanes;
  return values.expand(shape).contiguous();
}

CarriedState Concatenate(const std::vector<CarriedState>& parts) {
  if (parts.size() == 1) return parts.front();
  std::vector<at::Tensor> positions, momenta;
  for (const CarriedState& part : parts) {
    positions.push_back(part.position);
    momenta.push_back(part.momentum);
  }
  return {at::cat(positions, -2), at::cat(momenta, -2)};
}

}  // namespace

LaneBatch::LaneBatch(absl::Span<const RolloutJob> jobs, const TransitionModelSpec& spec,
                     const RolloutObjective& objective, const Dynamics& dynamics,
                     const at::TensorOptions& options)
    : spec_(spec), dynamics_(dynamics) {
  const int64_t state_size = spec.state_size();
  std::vector<CarriedState> entered;
  for (const RolloutJob& job : jobs) {
    const int64_t given = static_cast<int64_t>(job.initial_states.size()) / state_size;
    const at::Tensor initial = View(job.initial_states, {1, given, state_size})
                                   .to(options)
                                   .expand({spec.ensemble_size, given, state_size});
    CarriedState carried = dynamics.Enter(initial);
    entered.push_back(
        {RepeatLanes(carried.position, job.lanes), RepeatLanes(carried.momentum, job.lanes)});
    const at::Tensor controls = View(job.controls, {job.lanes, job.horizon, spec.num_controls});
    members_.push_back({&job, controls.to(options).transpose(0, 1).contiguous(),
                        std::make_unique<RolloutOutputs>(job, spec, objective)});
  }
  carried_ = Concatenate(entered);
}

int64_t LaneBatch::lanes() const { return carried_.position.size(-2); }

bool LaneBatch::KeepUnfinished() {
  const auto unfinished = [this](const RolloutJob& job) {
    return step_ < job.horizon &&
           (job.cancelled == nullptr || !job.cancelled->load(std::memory_order_relaxed));
  };
  std::vector<Member> staying;
  std::vector<CarriedState> parts;
  int64_t offset = 0;
  const size_t before = members_.size();
  for (Member& member : members_) {
    const int64_t lanes = member.job->lanes;
    if (unfinished(*member.job)) {
      parts.push_back({carried_.position.narrow(-2, offset, lanes),
                       carried_.momentum.narrow(-2, offset, lanes)});
      staying.push_back(std::move(member));
    }
    offset += lanes;
  }
  members_ = std::move(staying);
  if (members_.empty()) return false;
  if (members_.size() < before) {
    carried_ = Concatenate(parts);
    carried_ = {carried_.position.contiguous(), carried_.momentum.contiguous()};
  }
  return true;
}

at::Tensor LaneBatch::Controls() const {
  at::Tensor controls;
  if (members_.size() == 1) {
    controls = members_.front().controls.select(0, step_);
  } else {
    std::vector<at::Tensor> parts;
    parts.reserve(members_.size());
    for (const Member& member : members_) parts.push_back(member.controls.select(0, step_));
    controls = at::cat(parts, 0);
  }
  return controls.unsqueeze(0).expand({spec_.ensemble_size, -1, -1});
}

void LaneBatch::Advance(CarriedState next) {
  carried_ = std::move(next);
  bool wanted = false;
  for (const Member& member : members_) {
    wanted |= member.outputs->needs_every_state() || step_ + 1 == member.job->horizon;
  }
  if (wanted) {
    const at::Tensor states = dynamics_.Leave(carried_).to(at::kCPU).contiguous();
    if (states.scalar_type() == at::kDouble) {
      Write<double>(states);
    } else {
      Write<float>(states);
    }
  }
  ++step_;
}

template <typename Scalar>
void LaneBatch::Write(const at::Tensor& states) {
  const int64_t state_size = spec_.state_size();
  const int64_t member_stride = states.size(1) * state_size;
  const Scalar* first = states.const_data_ptr<Scalar>();
  for (const Member& member : members_) {
    const bool last = step_ + 1 == member.job->horizon;
    if (last || member.outputs->needs_every_state()) {
      member.outputs->Write(step_, first, member_stride);
    }
    if (last) member.outputs->Finish();
    first += member.job->lanes * state_size;
  }
}

}  // namespace rollout
