#include "models/evaluation/energy_drift.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "models/evaluation/ensemble_spread.h"
#include "models/evaluation/hamiltonian.h"

namespace rollout {
namespace {

// The same dynamics with a transition for each substep, so that the work of the force is seen where
// it is done.
TransitionModel BySubsteps(TransitionModel model) {
  model.spec.transition_dt /= model.spec.integrator.substeps;
  model.spec.integrator.substeps = 1;
  return model;
}

double StandardDeviation(absl::Span<const double> values) {
  double mean = 0.0, square = 0.0;
  for (const double value : values) mean += value / values.size();
  for (const double value : values) square += (value - mean) * (value - mean) / values.size();
  return std::sqrt(square);
}

// Rollouts of one member, a state at every substep.
class MemberRollouts {
 public:
  MemberRollouts(const TransitionModel& model, Hamiltonian hamiltonian, const DriftStarts& starts)
      : hamiltonian_(std::move(hamiltonian)),
        starts_(starts),
        size_(model.spec.state_size()),
        num_controls_(model.spec.num_controls),
        substeps_(model.spec.integrator.substeps),
        horizon_(std::clamp<int64_t>(starts.max_substeps / (starts.lanes * substeps_), 1,
                                     starts.horizon)),
        step_(model.spec.transition_dt / substeps_),
        has_force_(model.spec.dynamics.has_force) {}

  absl::Status Compute(Engine& engine) {
    const std::vector<float> controls = ControlsBySubstep();
    trajectory_.resize(starts_.lanes * (steps() + 1) * size_);
    RolloutJob job;
    job.lanes = starts_.lanes;
    job.horizon = steps();
    job.initial_states = starts_.initial_states;
    job.controls = controls;
    job.trajectory = absl::MakeSpan(trajectory_);
    return engine.Rollout({&job, 1});
  }

  // FAILED_PRECONDITION where the initial states give no scale.
  absl::StatusOr<EnergyDrift> Drift() const {
    std::vector<double> initial;
    for (int64_t lane = 0; lane < starts_.lanes; ++lane) {
      initial.push_back(hamiltonian_.Energy(State(lane, 0)));
    }
    EnergyDrift drift;
    drift.initial_spread = StandardDeviation(initial);
    if (!(drift.initial_spread > 0.0) || !std::isfinite(drift.initial_spread)) {
      return absl::FailedPreconditionError(
          absl::StrCat("the energies of the ", starts_.lanes, " initial states spread by ",
                       drift.initial_spread, ", expected more than 0: there is no scale"));
    }
    for (int64_t lane = 0; lane < starts_.lanes; ++lane) FollowLane(lane, initial[lane], &drift);
    return drift;
  }

 private:
  int64_t steps() const { return horizon_ * substeps_; }

  absl::Span<const float> Control(int64_t lane, int64_t transition) const {
    return starts_.controls.subspan((lane * starts_.horizon + transition) * num_controls_,
                                    num_controls_);
  }

  std::vector<float> ControlsBySubstep() const {
    std::vector<float> repeated;
    for (int64_t lane = 0; lane < starts_.lanes; ++lane) {
      for (int64_t step = 0; step < steps(); ++step) {
        const auto control = Control(lane, step / substeps_);
        repeated.insert(repeated.end(), control.begin(), control.end());
      }
    }
    return repeated;
  }

  std::vector<double> State(int64_t lane, int64_t step) const {
    const auto begin = trajectory_.begin() + (lane * (steps() + 1) + step) * size_;
    return {begin, begin + size_};
  }

  // The work of the force during one transition.
  double Work(int64_t lane, int64_t transition) const {
    if (!has_force_) return 0.0;
    double work = 0.0;
    for (int k = 0; k <= substeps_; ++k) {
      const double weight = k == 0 || k == substeps_ ? 0.5 : 1.0;
      work +=
          weight * step_ *
          hamiltonian_.Power(State(lane, transition * substeps_ + k), Control(lane, transition));
    }
    return work;
  }

  void FollowLane(int64_t lane, double initial, EnergyDrift* drift) const {
    double work = 0.0;
    for (int64_t transition = 1; transition <= horizon_; ++transition) {
      work += Work(lane, transition - 1);
      const double energy = hamiltonian_.Energy(State(lane, transition * substeps_));
      double off = std::abs(energy - initial - work) / drift->initial_spread;
      if (!std::isfinite(off)) off = std::numeric_limits<double>::infinity();
      if (off > drift->worst) {
        drift->worst = off;
        drift->lane = lane;
        drift->step = transition;
      }
    }
  }

  const Hamiltonian hamiltonian_;
  const DriftStarts starts_;
  const int size_;
  const int num_controls_;
  const int substeps_;
  const int64_t horizon_;  // transitions
  const double step_;      // seconds
  const bool has_force_;
  std::vector<float> trajectory_;  // [B, T * substeps + 1, 2n]
};

}  // namespace

absl::StatusOr<EnergyDrift> MeasureEnergyDrift(
    const TransitionModel& model, const DriftStarts& starts,
    absl::FunctionRef<absl::StatusOr<std::unique_ptr<Engine>>(const TransitionModel&)>
        make_engine) {
  EnergyDrift worst;
  for (int member = 0; member < model.spec.ensemble_size; ++member) {
    absl::StatusOr<Hamiltonian> hamiltonian = Hamiltonian::Of(model, member);
    if (!hamiltonian.ok()) return hamiltonian.status();
    auto engine = make_engine(BySubsteps(SingleMember(model, member)));
    if (!engine.ok()) return engine.status();
    MemberRollouts rollouts(model, *std::move(hamiltonian), starts);
    if (absl::Status s = rollouts.Compute(**engine); !s.ok()) return s;
    const absl::StatusOr<EnergyDrift> drift = rollouts.Drift();
    if (!drift.ok()) return drift.status();
    if (member == 0 || drift->worst > worst.worst) {
      worst = *drift;
      worst.member = member;
    }
  }
  return worst;
}

}  // namespace rollout
