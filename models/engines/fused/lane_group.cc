#include "models/engines/fused/lane_group.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace rollout::fused {
namespace {

// Waking a thread costs it and its waker some 50 us, in which a core computes this much of small
// networks. Less than that is done sooner by the thread at hand.
constexpr double kFlopsWorthAThread = 1e6;

bool Cancelled(const RolloutJob& job) {
  return job.cancelled != nullptr && job.cancelled->load(std::memory_order_relaxed);
}

double Flops(const Network& network) {
  double flops = 0.0;
  for (const DenseLayer& layer : network) flops += 2.0 * layer.inputs * layer.outputs;
  return flops;
}

// About what one transition of one lane takes, all members together.
double TransitionFlops(const FusedModel& model) {
  double flops = 0.0;
  for (const MemberNetworks& member : model.members) {
    flops += Flops(member.mlp) + Flops(member.potential) + Flops(member.mass);
  }
  return flops * model.substeps;
}

}  // namespace

LaneGroup::LaneGroup(const FusedModel& model, const TransitionModelSpec& spec,
                     const RolloutObjective& objective, std::unique_ptr<TransitionKernel> kernel,
                     int max_lanes)
    : model_(model),
      max_lanes_(max_lanes),
      members_(static_cast<int>(model.members.size())),
      transition_flops_(TransitionFlops(model)),
      kernel_(std::move(kernel)),
      recorders_(max_lanes, LaneRecorder(spec, objective)),
      states_(size_t(members_) * max_lanes * 2 * model.num_positions),
      residuals_(states_.size()),
      velocities_(states_.size() / 2),
      controls_(max_lanes),
      followed_(max_lanes),
      gathered_states_(size_t(max_lanes) * 2 * model.num_positions),
      gathered_residuals_(gathered_states_.size()),
      gathered_velocities_(gathered_states_.size() / 2),
      gathered_controls_(max_lanes),
      gathered_slots_(max_lanes),
      entry_state_(2 * model.num_positions),
      entry_momenta_(size_t(members_) * model.num_positions),
      entry_q_(model.num_positions),
      entry_v_(model.num_positions),
      followed_momentum_(model.num_positions) {
  if (model.learned_mass) {
    for (int member = 0; member < members_; ++member) entry_dynamics_.emplace_back(model, member);
  }
}

float* LaneGroup::State(int member, int slot) {
  return &states_[(size_t(member) * max_lanes_ + slot) * 2 * model_.num_positions];
}

float* LaneGroup::Residual(int member, int slot) {
  return &residuals_[(size_t(member) * max_lanes_ + slot) * 2 * model_.num_positions];
}

float* LaneGroup::Velocity(int member, int slot) {
  return &velocities_[(size_t(member) * max_lanes_ + slot) * model_.num_positions];
}

void LaneGroup::Run(LaneFeed& feed, LaneSharing& sharing) {
  active_ = 0;
  while (true) {
    Refill(feed, sharing);
    if (active_ == 0) return;
    AdvanceAll();
    feed.BetweenTransitions();
    Release(feed, sharing);
  }
}

bool LaneGroup::WorthSharing(int64_t lanes) const {
  return double(lanes) * double(last_horizon_) * transition_flops_ >= kFlopsWorthAThread;
}

int LaneGroup::Share(int64_t waiting, const LaneSharing& sharing) const {
  const int64_t threads = sharing.pool->threads();
  const int64_t all = waiting + sharing.under_way.load(std::memory_order_relaxed);
  const int64_t share = (all + threads - 1) / threads;
  if (threads == 1 || !WorthSharing(waiting)) return max_lanes_;
  return static_cast<int>(std::min<int64_t>(max_lanes_, share));
}

void LaneGroup::Refill(LaneFeed& feed, LaneSharing& sharing) {
  int64_t waiting = feed.waiting_lanes();
  bool first = true;
  while (waiting > 0 && active_ < max_lanes_) {
    const int share = Share(waiting, sharing);
    if (active_ >= share) break;
    // The first lane tells the horizon, by which the share of the others is found.
    const LaneRange range = feed.Next(first && active_ == 0 ? 1 : share - active_);
    if (range.count == 0) return;
    first = false;
    sharing.under_way.fetch_add(range.count, std::memory_order_relaxed);
    for (int64_t i = 0; i < range.count; ++i) StartLane(*range.job, range.first + i);
    waiting = feed.waiting_lanes();
  }
  if (waiting > 0 && WorthSharing(waiting)) sharing.pool->Summon();
}

void LaneGroup::Release(LaneFeed& feed, LaneSharing& sharing) {
  for (int slot = 0; slot < active_;) {
    const LaneRecorder& recorder = recorders_[slot];
    if (!recorder.finished() && !Cancelled(recorder.job())) {
      ++slot;
      continue;
    }
    const LaneRange lane = {&recorder.job(), recorder.lane(), 1};
    --active_;
    if (slot != active_) MoveLane(active_, slot);
    sharing.under_way.fetch_sub(1, std::memory_order_relaxed);
    feed.Done(lane, absl::OkStatus());
  }
}

void LaneGroup::StartLane(const RolloutJob& job, int64_t lane) {
  const int slot = active_++;
  const int n = model_.num_positions;
  LaneRecorder& recorder = recorders_[slot];
  recorder.Start(job, lane);
  last_horizon_ = job.horizon;
  followed_[slot] = -1;
  const float* initial = recorder.initial_state();
  if (model_.learned_mass) FindEntryMomenta(initial);
  const int rows = job.ensemble == EnsembleUse::kAllMembers ? members_ : 1;
  for (int row = 0; row < rows; ++row) {
    std::copy_n(initial, 2 * n, State(row, slot));
    std::fill_n(Residual(row, slot), 2 * n, 0.0f);
    if (model_.learned_mass) {
      SetMomentum(&entry_momenta_[size_t(row) * n], State(row, slot), Residual(row, slot));
    }
  }
  if (rows == 1 && model_.learned_mass) {
    followed_[slot] = 0;
    std::copy_n(initial + n, n, Velocity(0, slot));
  }
}

void LaneGroup::FindEntryMomenta(const float* initial) {
  const int n = model_.num_positions;
  if (has_entry_ && std::memcmp(initial, entry_state_.data(), 2 * n * sizeof(float)) == 0) return;
  std::copy_n(initial, 2 * n, entry_state_.begin());
  std::copy_n(initial, n, entry_q_.begin());
  std::copy_n(initial + n, n, entry_v_.begin());
  for (int member = 0; member < members_; ++member) {
    entry_dynamics_[member].Momentum(
        entry_q_, entry_v_, absl::MakeSpan(&entry_momenta_[size_t(member) * n], size_t(n)));
  }
  has_entry_ = true;
}

void LaneGroup::SetMomentum(const double* momentum, float* state, float* residual) {
  const int n = model_.num_positions;
  for (int i = 0; i < n; ++i) {
    state[n + i] = static_cast<float>(momentum[i]);
    residual[n + i] = static_cast<float>(momentum[i] - state[n + i]);
  }
}

void LaneGroup::MoveLane(int from, int to) {
  const int n = model_.num_positions;
  std::swap(recorders_[from], recorders_[to]);
  followed_[to] = followed_[from];
  for (int member = 0; member < members_; ++member) {
    std::copy_n(State(member, from), 2 * n, State(member, to));
    std::copy_n(Residual(member, from), 2 * n, Residual(member, to));
  }
  std::copy_n(Velocity(0, from), n, Velocity(0, to));
}

void LaneGroup::FollowMember(int slot, int member) {
  if (!model_.learned_mass || followed_[slot] == member) return;
  const int n = model_.num_positions;
  const float* velocity = Velocity(0, slot);
  std::copy_n(State(0, slot), n, entry_q_.begin());
  std::copy_n(velocity, n, entry_v_.begin());
  entry_dynamics_[member].Momentum(entry_q_, entry_v_, absl::MakeSpan(followed_momentum_));
  SetMomentum(followed_momentum_.data(), State(0, slot), Residual(0, slot));
  followed_[slot] = member;
}

void LaneGroup::AdvanceAll() {
  bool wants_velocities = false;
  bool apart = false;
  for (int slot = 0; slot < active_; ++slot) {
    LaneRecorder& recorder = recorders_[slot];
    recorder.DrawMember();
    controls_[slot] = recorder.controls();
    wants_velocities = wants_velocities || recorder.wants_state();
    apart = apart || recorder.member() >= 0;
  }
  wants_velocities = model_.learned_mass && (wants_velocities || apart);
  if (apart) {
    AdvanceApart(wants_velocities);
  } else {
    AdvanceTogether(wants_velocities);
  }
  const int n = model_.num_positions;
  const int64_t state_stride = int64_t(max_lanes_) * 2 * n;
  for (int slot = 0; slot < active_; ++slot) {
    LaneRecorder& recorder = recorders_[slot];
    if (!recorder.wants_state()) {
      recorder.Skip();
      continue;
    }
    const float* state = State(0, slot);
    MemberStates<float> states = {state, state_stride, state + n, state_stride};
    if (wants_velocities) {
      states.velocities = Velocity(0, slot);
      states.velocity_stride = int64_t(max_lanes_) * n;
    }
    recorder.Record(states);
  }
}

void LaneGroup::AdvanceTogether(bool wants_velocities) {
  for (int member = 0; member < members_; ++member) {
    kernel_->Advance(member, {.lanes = active_,
                              .controls = controls_.data(),
                              .states = State(member, 0),
                              .residuals = Residual(member, 0),
                              .velocities = wants_velocities ? Velocity(member, 0) : nullptr});
  }
}

void LaneGroup::AdvanceApart(bool wants_velocities) {
  const int n = model_.num_positions;
  for (int member = 0; member < members_; ++member) {
    int count = 0;
    for (int slot = 0; slot < active_; ++slot) {
      const int followed = recorders_[slot].member();
      if (followed >= 0 && followed != member) continue;
      if (followed >= 0) FollowMember(slot, member);
      const int row = followed >= 0 ? 0 : member;
      std::copy_n(State(row, slot), 2 * n, &gathered_states_[size_t(count) * 2 * n]);
      std::copy_n(Residual(row, slot), 2 * n, &gathered_residuals_[size_t(count) * 2 * n]);
      gathered_controls_[count] = controls_[slot];
      gathered_slots_[count++] = slot;
    }
    if (count == 0) continue;
    kernel_->Advance(member,
                     {.lanes = count,
                      .controls = gathered_controls_.data(),
                      .states = gathered_states_.data(),
                      .residuals = gathered_residuals_.data(),
                      .velocities = wants_velocities ? gathered_velocities_.data() : nullptr});
    for (int i = 0; i < count; ++i) {
      const int slot = gathered_slots_[i];
      const int row = recorders_[slot].member() >= 0 ? 0 : member;
      std::copy_n(&gathered_states_[size_t(i) * 2 * n], 2 * n, State(row, slot));
      std::copy_n(&gathered_residuals_[size_t(i) * 2 * n], 2 * n, Residual(row, slot));
      if (wants_velocities) {
        std::copy_n(&gathered_velocities_[size_t(i) * n], n, Velocity(row, slot));
      }
    }
  }
}

}  // namespace rollout::fused
