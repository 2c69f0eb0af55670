#include "models/engines/torch/lane_batch.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>
#include <utility>

namespace rollout {
namespace {

at::Tensor View(const float* values, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(values), shape, at::TensorOptions(at::kFloat));
}

// One lane's state for many: [.., 1, n] → [.., lanes, n].
at::Tensor RepeatLanes(const at::Tensor& values, int64_t lanes) {
  if (values.size(-2) == lanes) return values;
  std::vector<int64_t> shape = values.sizes().vec();
  shape[shape.size() - 2] = lanes;
  return values.expand(shape).contiguous();
}

// What `change` makes of each tensor of a state; without a memory there is nothing to change.
template <typename Change>
CarriedState ForEachPart(const CarriedState& carried, const Change& change) {
  return {change(carried.position), change(carried.momentum),
          carried.memory.defined() ? change(carried.memory) : at::Tensor()};
}

CarriedState Concatenate(const std::vector<CarriedState>& parts) {
  if (parts.size() == 1) {
    return ForEachPart(parts.front(), [](const at::Tensor& x) { return x.contiguous(); });
  }
  std::vector<at::Tensor> positions, momenta, memories;
  for (const CarriedState& part : parts) {
    positions.push_back(part.position);
    momenta.push_back(part.momentum);
    if (part.memory.defined()) memories.push_back(part.memory);
  }
  return {at::cat(positions, -2), at::cat(momenta, -2),
          memories.empty() ? at::Tensor() : at::cat(memories, -2)};
}

CarriedState Narrow(const CarriedState& carried, int64_t first, int64_t count) {
  return ForEachPart(carried, [&](const at::Tensor& x) { return x.narrow(-2, first, count); });
}

}  // namespace

CarriedState LaneBatch::EnterRange(const LaneRange& range) const {
  const int64_t state_size = spec_.state_size();
  const absl::Span<const float> states = range.job->initial_states;
  const bool shared = static_cast<int64_t>(states.size()) == state_size;
  const int64_t given = shared ? 1 : range.count;
  const at::Tensor initial =
      View(states.data() + (shared ? 0 : range.first * state_size), {1, given, state_size})
          .to(options_)
          .expand({spec_.ensemble_size, given, state_size});
  return ForEachPart(dynamics_.Enter(initial),
                     [&](const at::Tensor& x) { return RepeatLanes(x, range.count); });
}

void LaneBatch::Join(const std::vector<LaneRange>& ranges) {
  if (ranges.empty()) return;
  std::vector<CarriedState> parts;
  if (!empty()) parts.push_back(carried_);
  for (const LaneRange& range : ranges) {
    const RolloutJob& job = *range.job;
    parts.push_back(EnterRange(range));
    const int64_t rows = ControlRows(job.horizon, job.hold);
    Entry& entry = entries_.emplace_back();
    entry.range = range;
    entry.controls = View(job.controls.data() + range.first * rows * spec_.num_controls,
                          {range.count, rows, spec_.num_controls})
                         .to(options_)
                         .transpose(0, 1)
                         .contiguous();
    entry.recorders.assign(static_cast<size_t>(range.count), LaneRecorder(spec_, objective_));
    for (int64_t i = 0; i < range.count; ++i) {
      entry.recorders[static_cast<size_t>(i)].Start(job, range.first + i);
    }
  }
  carried_ = Concatenate(parts);
}

int64_t LaneBatch::lanes() const { return empty() ? 0 : carried_.position.size(-2); }

std::vector<LaneRange> LaneBatch::Leave() {
  const auto stays = [](const Entry& entry) {
    const RolloutJob& job = entry.job();
    return entry.step < job.horizon &&
           (job.cancelled == nullptr || !job.cancelled->load(std::memory_order_relaxed));
  };
  std::vector<LaneRange> left;
  std::vector<Entry> staying;
  std::vector<CarriedState> parts;
  int64_t offset = 0;
  for (Entry& entry : entries_) {
    const int64_t lanes = entry.range.count;
    if (stays(entry)) {
      parts.push_back(Narrow(carried_, offset, lanes));
      staying.push_back(std::move(entry));
    } else {
      left.push_back(entry.range);
    }
    offset += lanes;
  }
  entries_ = std::move(staying);
  if (!left.empty() && !parts.empty()) carried_ = Concatenate(parts);
  return left;
}

at::Tensor LaneBatch::Controls() {
  std::vector<at::Tensor> parts;
  parts.reserve(entries_.size());
  bool follows = false;
  for (Entry& entry : entries_) {
    parts.push_back(entry.controls.select(0, entry.step / entry.job().hold));
    if (!entry.follows_one_member(spec_)) continue;
    follows = true;
    for (LaneRecorder& recorder : entry.recorders) recorder.DrawMember();
  }
  if (follows) FollowMembers();
  const at::Tensor controls = parts.size() == 1 ? parts.front() : at::cat(parts, 0);
  return controls.unsqueeze(0).expand({spec_.ensemble_size, -1, -1});
}

CarriedState LaneBatch::Follow(const Entry& entry, const CarriedState& carried) const {
  if (entry.step == 0) return carried;  // all members stand at the initial state
  const int64_t lanes = entry.range.count;
  const int64_t n = spec_.num_positions;
  // [1, lanes, 1]: the member that made the last transition of each lane.
  at::Tensor last = at::empty({1, lanes, 1}, at::TensorOptions(at::kLong));
  int64_t* const members = last.mutable_data_ptr<int64_t>();
  for (int64_t i = 0; i < lanes; ++i) {
    members[i] = entry.recorders[static_cast<size_t>(i)].last_member();
  }
  const at::Tensor member = last.to(options_.device());
  last = member.expand({1, lanes, n});
  const auto of_last = [&](const at::Tensor& values) {
    const int64_t size = values.size(-1);
    return values.gather(0, member.expand({1, lanes, size}))
        .expand({spec_.ensemble_size, lanes, size});
  };
  const at::Tensor states = dynamics_.Leave(carried);  // [E, lanes, 2n]
  const CarriedState entered = dynamics_.Enter(
      at::cat({of_last(states.narrow(-1, 0, n)), of_last(states.narrow(-1, n, n))}, -1)
          .contiguous());
  // The member that goes on keeps its own momentum, rather than one found from its velocity.
  return {of_last(carried.position).contiguous(),
          entered.momentum.scatter(0, last, carried.momentum.gather(0, last)),
          carried.memory.defined() ? of_last(carried.memory).contiguous() : at::Tensor()};
}

void LaneBatch::FollowMembers() {
  std::vector<CarriedState> parts;
  int64_t offset = 0;
  for (const Entry& entry : entries_) {
    const CarriedState lanes = Narrow(carried_, offset, entry.range.count);
    parts.push_back(entry.follows_one_member(spec_) ? Follow(entry, lanes) : lanes);
    offset += entry.range.count;
  }
  carried_ = Concatenate(parts);
}

void LaneBatch::Advance(CarriedState next) {
  carried_ = std::move(next);
  const bool wanted = std::any_of(entries_.begin(), entries_.end(), [](const Entry& entry) {
    return entry.recorders.front().wants_state();
  });
  if (wanted) {
    const at::Tensor states = dynamics_.Leave(carried_).to(at::kCPU).contiguous();
    if (states.scalar_type() == at::kDouble) {
      Record<double>(states);
    } else {
      Record<float>(states);
    }
  } else {
    for (Entry& entry : entries_) {
      for (LaneRecorder& recorder : entry.recorders) recorder.Skip();
    }
  }
  for (Entry& entry : entries_) ++entry.step;
}

template <typename Scalar>
void LaneBatch::Record(const at::Tensor& states) {
  const int64_t state_size = spec_.state_size();
  const int64_t stride = states.size(-2) * state_size;  // between members
  const Scalar* first = states.const_data_ptr<Scalar>();
  for (Entry& entry : entries_) {
    for (LaneRecorder& recorder : entry.recorders) {
      const Scalar* state = first + std::max(recorder.member(), 0) * stride;
      if (recorder.wants_state()) {
        recorder.Record<Scalar>({state, stride, state + spec_.num_positions, stride});
      } else {
        recorder.Skip();
      }
      first += state_size;
    }
  }
}

}  // namespace rollout
