#include "trainer/fitting/fitter.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/random.h"
#include "models/engines/rollout_objective.h"

namespace rollout {
namespace {

// Streams of a fit's seed.
constexpr uint64_t kWeightStream = 1;
constexpr uint64_t kWindowStream = 2;

// No normalised loss of a fit that learns is anywhere near.
constexpr double kDiverged = 1e12;

absl::Status CheckOptions(const FitOptions& options) {
  const auto wrong = [](const char* name, auto found, const char* expected) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": found ", found, ", expected ", expected));
  };
  if (options.window_states < 2) return wrong("window-states", options.window_states, "2 or more");
  if (options.batch < 1) return wrong("batch", options.batch, "1 or more");
  if (options.steps < 1) return wrong("steps", options.steps, "1 or more");
  if (!(options.learning_rate > 0)) {
    return wrong("learning-rate", options.learning_rate, "a number above 0");
  }
  if (!(options.final_learning_rate >= 0) || options.final_learning_rate > options.learning_rate) {
    return wrong("final-learning-rate", options.final_learning_rate,
                 "a number from 0 to the learning rate");
  }
  if (!(options.weight_decay >= 0)) return wrong("weight-decay", options.weight_decay, "0 or more");
  const bool regularised = options.symplectic_weight != 0.0;
  if (regularised && options.dynamics.kind != DynamicsKind::kMechanics) {
    return wrong(
        "symplectic-weight",
        absl::StrCat(options.symplectic_weight, " with kind ", Name(options.dynamics.kind)),
        "0: the regulariser is for MECHANICS");
  }
  if (!(options.symplectic_weight >= 0)) {
    return wrong("symplectic-weight", options.symplectic_weight, "0 or more");
  }
  return absl::OkStatus();
}

}  // namespace

IntegratorMethod DefaultIntegrator(DynamicsKind kind) {
  return kind == DynamicsKind::kNodeSo ? IntegratorMethod::kConstantAcceleration
                                       : IntegratorMethod::kEuler;
}

absl::StatusOr<TransitionModelSpec> MakeFitSpec(const DatasetInfo& info,
                                                const DataStatistics& statistics,
                                                const FitOptions& options) {
  if (info.num_positions != info.num_velocities) {
    return absl::InvalidArgumentError(absl::StrCat(
        "dataset ", info.id, " has ", info.num_positions, " positions and ", info.num_velocities,
        " velocities, a transition model needs as many of one as of the other"));
  }
  TransitionModelSpec spec;
  spec.name = options.name;
  spec.num_positions = info.num_positions;
  spec.num_controls = info.num_controls;
  spec.angular_positions = info.angular_positions;
  spec.ignored_positions = info.ignored_positions;
  spec.transition_dt = info.dt;
  spec.integrator = options.integrator;
  spec.ensemble_size = options.ensemble_size;
  spec.dynamics = options.dynamics;
  spec.state_scale.assign(statistics.state_scale.begin(), statistics.state_scale.end());
  spec.state_names = info.state_names;
  spec.control_names = info.control_names;
  spec.control_low.assign(info.control_low.begin(), info.control_low.end());
  spec.control_high.assign(info.control_high.begin(), info.control_high.end());
  spec.reward = info.reward;
  spec.termination = info.termination;
  spec.data_low = statistics.data_low;
  spec.data_high = statistics.data_high;
  if (absl::Status status = ValidateSpec(spec); !status.ok()) return status;
  // Before the fit and not after it, when the version is judged.
  if (const auto objective = RolloutObjective::Find(spec); !objective.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat("dataset ", info.id, ": ", objective.status().message()));
  }
  return spec;
}

Fitter::Fitter(TrainingSet set, const DataStatistics& statistics, const TransitionModelSpec& spec,
               const FitOptions& options, ProcessGroup* group)
    : options_(options),
      set_(std::move(set)),
      parameters_(spec, statistics),
      group_(group),
      adam_(static_cast<size_t>(parameters_.size()), options.weight_decay,
            options.decoupled_weight_decay ? WeightDecay::kDecoupled : WeightDecay::kInGradient),
      loss_(std::numeric_limits<double>::quiet_NaN()),
      batches_(spec.ensemble_size),
      losses_(spec.ensemble_size),
      gradient_(parameters_.size(), 0.0f) {
  const uint64_t window_seed = DeriveSeed(options.seed, kWindowStream);
  for (int member = 0; member < spec.ensemble_size; ++member) {
    samplers_.emplace_back(set_, DeriveSeed(window_seed, static_cast<uint64_t>(member)),
                           options.batch, spec.ensemble_size > 1, options.max_windows);
  }
}

absl::StatusOr<std::unique_ptr<Fitter>> Fitter::Create(
    TrainingSet set, const DataStatistics& statistics, const TransitionModelSpec& spec,
    const FitOptions& options, const TransitionModel* initial, ProcessGroup* group) {
  if (absl::Status status = CheckOptions(options); !status.ok()) return status;
  std::unique_ptr<Fitter> fitter(new Fitter(std::move(set), statistics, spec, options, group));
  // Members' batches must be of one size, also where a bootstrap drew few windows.
  int64_t batch = options.batch;
  for (const WindowSampler& sampler : fitter->samplers_) {
    batch = std::min(batch, sampler.num_windows());
  }
  for (WindowSampler& sampler : fitter->samplers_) sampler.set_batch(batch);
  if (group != nullptr) {
    if (batch % group->size() != 0) {
      return absl::InvalidArgumentError(absl::StrCat("batch: found ", batch,
                                                     ", expected a multiple of the ", group->size(),
                                                     " processes that share it"));
    }
    batch /= group->size();
  }
  std::vector<float> inverse_scale = InverseLossScale(statistics);
  if (TakesRecordedWindowLoss(spec) && options.symplectic_weight == 0.0) {
    fitter->window_loss_ =
        MakeRecordedWindowLoss<float>(fitter->parameters_, std::move(inverse_scale),
                                      fitter->set_.window_transitions, batch, options.norm);
  } else {
    auto loss = MakeAutogradWindowLoss<float>(fitter->parameters_, std::move(inverse_scale),
                                              fitter->set_.window_transitions, options.norm,
                                              options.symplectic_weight);
    if (!loss.ok()) return loss.status();
    fitter->window_loss_ = *std::move(loss);
  }
  if (initial == nullptr) {
    fitter->state_.parameters =
        fitter->parameters_.Initialise(DeriveSeed(options.seed, kWeightStream));
  } else {
    auto parameters = fitter->parameters_.FromModel(*initial);
    if (!parameters.ok()) return parameters.status();
    fitter->state_.parameters = *std::move(parameters);
  }
  return fitter;
}

double Fitter::learning_rate() const {
  return CosineLearningRate(options_.learning_rate, options_.final_learning_rate, state_.step,
                            options_.steps);
}

int64_t Fitter::num_parameters() const {
  int64_t count = 0;
  for (const LearnedTensor& tensor : parameters_.tensors()) count += tensor.size;
  return count * parameters_.spec().ensemble_size;
}

absl::Status Fitter::Step() {
  for (size_t member = 0; member < batches_.size(); ++member) {
    absl::Span<const int64_t> rows = samplers_[member].Rows(state_.step);
    if (group_ != nullptr) {
      const size_t share = rows.size() / group_->size();
      rows = rows.subspan(group_->process() * share, share);
    }
    GatherWindows(set_, rows, &batches_[member]);
  }
  absl::Status status = window_loss_->Evaluate(batches_, state_.parameters, absl::MakeSpan(losses_),
                                               absl::MakeSpan(gradient_));
  if (!status.ok()) return status;
  if (group_ != nullptr) {
    stopped_ = stop_requested_;
    status = group_->Mean(absl::MakeSpan(losses_), absl::MakeSpan(gradient_), &stopped_);
    if (!status.ok()) return status;
  }
  loss_ = 0.0;
  for (size_t member = 0; member < losses_.size(); ++member) {
    const int64_t size = parameters_.member_size();
    const double norm =
        ClipNorm(options_.gradient_clip,
                 absl::MakeSpan(gradient_).subspan(static_cast<int64_t>(member) * size, size));
    if (!std::isfinite(losses_[member]) || losses_[member] > kDiverged || !std::isfinite(norm)) {
      return absl::InternalError(absl::StrFormat(
          "the fit of %s diverged at step %d of %d: loss %g, gradient norm %g (member %d); a lower "
          "learning rate than %g or more substeps may help",
          options_.name, state_.step, options_.steps, losses_[member], norm, member,
          options_.learning_rate));
    }
    loss_ += losses_[member] / static_cast<double>(losses_.size());
  }
  adam_.Step(state_.step, learning_rate(), gradient_, absl::MakeSpan(state_.parameters));
  ++state_.step;
  state_.loss_sum += loss_;
  if (state_.step % kLossInterval == 0) {
    state_.losses.push_back(state_.loss_sum / kLossInterval);
    state_.loss_sum = 0.0;
  }
  return absl::OkStatus();
}

void Fitter::RequestStop() {
  stop_requested_ = true;
  if (group_ == nullptr) stopped_ = true;
}

FitState Fitter::Save() const {
  FitState state = state_;
  state.first_moment = adam_.first();
  state.second_moment = adam_.second();
  return state;
}

absl::Status Fitter::Restore(const FitState& state) {
  const size_t size = static_cast<size_t>(parameters_.size());
  if (state.parameters.size() != size || state.first_moment.size() != size ||
      state.second_moment.size() != size || state.step < 0 || state.step > options_.steps) {
    return absl::InvalidArgumentError(
        absl::StrCat("the saved state has ", state.parameters.size(), " parameters at step ",
                     state.step, ", this fit has ", size, " and ", options_.steps, " steps"));
  }
  adam_.first() = state.first_moment;
  adam_.second() = state.second_moment;
  state_ = state;
  state_.first_moment.clear();
  state_.second_moment.clear();
  return absl::OkStatus();
}

}  // namespace rollout
