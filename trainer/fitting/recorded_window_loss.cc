// Forward and backward pass over the substeps of a window, written out, under explicit methods:
// y_i = z + h sum_{j<i} a_ij k_j, k_i = f(y_i), z' = z + h sum_i b_i k_i, and for some of one stage
// an acceleration that moves the position within the substep.
//
// A batch is taken in blocks of lanes, small enough for what is recorded of one to stay in the
// processor's last cache until the way back has read it.
#include <algorithm>
#include <array>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/fitting/recorded_dynamics.h"
#include "trainer/fitting/window_loss.h"

namespace rollout {
namespace {

constexpr int kMostStages = 4;
// A multiple of the rows that matrix products take at once.
constexpr int64_t kMostLanes = 40;

struct Method {
  int stages = 1;
  std::array<std::array<double, kMostStages>, kMostStages> a = {};
  std::array<double, kMostStages> b = {1.0};
  double drift = 0.0;  // in units of h^2: position' = position + h dq + drift h^2 dp
};

// No stages for other methods. RK4 is the classic method, RK4_38 Kutta's 3/8 rule (Hairer, Norsett
// and Wanner, Solving Ordinary Differential Equations I, table II.1.2).
Method MethodOf(IntegratorMethod method) {
  switch (method) {
    case IntegratorMethod::kEuler:
      return {};
    case IntegratorMethod::kConstantAcceleration:
      return {.drift = 0.5};
    case IntegratorMethod::kSymplecticEuler:
      return {.drift = 1.0};
    case IntegratorMethod::kRk4:
      return {4,
              {{{0, 0, 0, 0}, {0.5, 0, 0, 0}, {0, 0.5, 0, 0}, {0, 0, 1.0, 0}}},
              {1.0 / 6, 1.0 / 3, 1.0 / 3, 1.0 / 6}};
    case IntegratorMethod::kRk4ThreeEighths:
      return {4,
              {{{0, 0, 0, 0}, {1.0 / 3, 0, 0, 0}, {-1.0 / 3, 1.0, 0, 0}, {1.0, -1.0, 1.0, 0}}},
              {1.0 / 8, 3.0 / 8, 3.0 / 8, 1.0 / 8}};
    default:
      return {.stages = 0};
  }
}

// Equal blocks of at most kMostLanes lanes; the last may be short of a few.
int64_t LanesOfBlock(int64_t batch) {
  const int64_t blocks = (batch + kMostLanes - 1) / kMostLanes;
  return (batch + blocks - 1) / blocks;
}

// Positions and momenta [lanes, n] each, or their rates, or cotangents of either.
template <typename Real>
struct Halves {
  explicit Halves(int64_t size) : position(size), momentum(size) {}
  std::vector<Real> position, momentum;

  void Add(double factor, const Halves& other) {
    AddScaled(factor, other.position, &position);
    AddScaled(factor, other.momentum, &momentum);
  }
  void Clear() {
    std::fill(position.begin(), position.end(), Real{0});
    std::fill(momentum.begin(), momentum.end(), Real{0});
  }
  static void AddScaled(double factor, const std::vector<Real>& from, std::vector<Real>* to) {
    const Real f = static_cast<Real>(factor);
    for (size_t i = 0; i < to->size(); ++i) (*to)[i] += f * from[i];
  }
};

template <typename Real>
class RecordedLoss final : public BasicWindowLoss<Real> {
 public:
  RecordedLoss(const ModelParameters& parameters, std::vector<float> inverse_scale,
               int64_t window_transitions, int64_t batch, LossNorm norm);

  absl::Status Evaluate(absl::Span<const WindowBatch> batches, absl::Span<const Real> parameters,
                        absl::Span<double> losses, absl::Span<Real> gradient) override;

 private:
  // The windows from `first` on into states_ and controls_; where the batch ends before the block,
  // its last window again, which FindLoss leaves out.
  void TakeBlock(const WindowBatch& batch, int64_t first);
  // The block's part of the loss; adds its gradient.
  double EvaluateBlock(Real* gradient);
  void Forward();
  // Takes carried_ from the cotangent of the state after a substep to that of the state before it.
  // `reported`: that state is also one of the window, with the cotangent reported_.
  void Backward(int64_t substep, bool reported);
  // The norm of an error, and its derivative times factor_.
  double NormOf(Real error) const {
    return norm_ == LossNorm::kL2 ? static_cast<double>(error) * error : std::abs(error);
  }
  Real Slope(Real error) const {
    const Real factor = static_cast<Real>(factor_);
    return norm_ == LossNorm::kL2 ? 2 * factor * error
                                  : (error > 0) * factor - (error < 0) * factor;
  }
  // The loss of state t >= 1 of the window, and its cotangent into reported_.
  double FindLoss(int64_t t);
  int64_t SlotOf(int64_t t) const { return t * substeps_ * method_.stages; }

  const ModelParameters& model_;
  const std::vector<float> inverse_scale_;
  const int64_t transitions_, batch_, lanes_;
  const int n_, nu_;
  const int substeps_;
  const double h_;
  const Method method_;
  const LossNorm norm_;
  double factor_ = 0.0;  // of one error's norm in the loss

  std::unique_ptr<RecordedDynamics<Real>> dynamics_;
  int64_t counted_lanes_ = 0;             // of the block
  std::vector<float> states_, controls_;  // of the block: [transitions + 1, lanes, 2n] and so on
  std::vector<Real> velocity_;            // [lanes, n], of the first state
  std::vector<Real> nothing_;             // [lanes, n], zeros
  Halves<Real> carried_;                  // a state on the way forth, its cotangent on the way back
  Halves<Real> reported_;                 // the cotangent of a window's state: position, velocity
  Halves<Real> stage_, rate_cotangent_;
  std::vector<Halves<Real>> stages_;  // their rates on the way forth, cotangents of y_i back
};

template <typename Real>
RecordedLoss<Real>::RecordedLoss(const ModelParameters& parameters,
                                 std::vector<float> inverse_scale, int64_t window_transitions,
                                 int64_t batch, LossNorm norm)
    : model_(parameters),
      inverse_scale_(std::move(inverse_scale)),
      transitions_(window_transitions),
      batch_(batch),
      lanes_(LanesOfBlock(batch)),
      n_(parameters.spec().num_positions),
      nu_(parameters.spec().num_controls),
      substeps_(parameters.spec().integrator.substeps),
      h_(parameters.spec().transition_dt / substeps_),
      method_(MethodOf(parameters.spec().integrator.method)),
      norm_(norm),
      dynamics_(MakeRecordedDynamics<Real>(parameters, SlotOf(window_transitions) + 1, lanes_)),
      states_((transitions_ + 1) * lanes_ * 2 * n_),
      controls_(transitions_ * lanes_ * nu_),
      velocity_(lanes_ * n_),
      nothing_(lanes_ * n_),
      carried_(lanes_ * n_),
      reported_(lanes_ * n_),
      stage_(lanes_ * n_),
      rate_cotangent_(lanes_ * n_),
      stages_(method_.stages, Halves<Real>(lanes_ * n_)) {
  const auto counted = std::count_if(inverse_scale_.begin(), inverse_scale_.end(),
                                     [](float inverse) { return inverse > 0.0f; });
  factor_ = 1.0 / (static_cast<double>((transitions_ + 1) * batch_) *
                   std::max(1.0, static_cast<double>(counted)));
}

template <typename Real>
void RecordedLoss<Real>::TakeBlock(const WindowBatch& batch, int64_t first) {
  counted_lanes_ = std::min(lanes_, batch_ - first);
  const auto take = [&](int64_t times, int64_t size, const float* from, float* to) {
    for (int64_t t = 0; t < times; ++t) {
      for (int64_t lane = 0; lane < lanes_; ++lane, to += size) {
        const int64_t window = first + std::min(lane, counted_lanes_ - 1);
        std::copy_n(from + (t * batch_ + window) * size, size, to);
      }
    }
  };
  take(transitions_ + 1, 2 * n_, batch.states.data(), states_.data());
  take(transitions_, nu_, batch.controls.data(), controls_.data());
}

template <typename Real>
void RecordedLoss<Real>::Forward() {
  for (int64_t lane = 0; lane < lanes_; ++lane) {
    const float* state = &states_[lane * 2 * n_];
    std::copy_n(state, n_, &carried_.position[lane * n_]);
    std::copy_n(state + n_, n_, &velocity_[lane * n_]);
  }
  const auto place = [this](int64_t slot, const Halves<Real>& state) {
    std::copy(state.position.begin(), state.position.end(), dynamics_->position(slot));
    std::copy(state.momentum.begin(), state.momentum.end(), dynamics_->momentum(slot));
  };
  for (int64_t substep = 0; substep < transitions_ * substeps_; ++substep) {
    const float* control = controls_.data() + substep / substeps_ * lanes_ * nu_;
    for (int i = 0; i < method_.stages; ++i) {
      const int64_t slot = substep * method_.stages + i;
      stage_ = carried_;
      for (int j = 0; j < i; ++j) stage_.Add(h_ * method_.a[i][j], stages_[j]);
      place(slot, stage_);
      dynamics_->ReadPosition(slot);
      if (slot == 0) {
        dynamics_->Enter(0, velocity_.data());
        std::copy_n(dynamics_->momentum(0), lanes_ * n_, carried_.momentum.data());
      }
      dynamics_->Evaluate(slot, control, stages_[i].position.data(), stages_[i].momentum.data());
    }
    for (int i = 0; i < method_.stages; ++i) carried_.Add(h_ * method_.b[i], stages_[i]);
    if (method_.drift > 0.0) {
      carried_.AddScaled(method_.drift * h_ * h_, stages_[0].momentum, &carried_.position);
    }
  }
  const int64_t last = SlotOf(transitions_);
  place(last, carried_);
  dynamics_->ReadPosition(last);
  dynamics_->FindVelocity(last);
}

template <typename Real>
double RecordedLoss<Real>::FindLoss(int64_t t) {
  const Real* position = dynamics_->position(SlotOf(t));
  const Real* velocity = dynamics_->velocity(SlotOf(t));
  const float* observed = &states_[t * lanes_ * 2 * n_];
  double sum = 0.0;
  reported_.Clear();
  for (int64_t i = 0; i < counted_lanes_ * n_; ++i) {
    const int64_t lane = i / n_, d = i % n_;
    const float* state = observed + lane * 2 * n_;
    const Real of_q = inverse_scale_[d], of_v = inverse_scale_[n_ + d];
    const Real q_error = (position[i] - state[d]) * of_q;
    const Real v_error = (velocity[i] - state[n_ + d]) * of_v;
    sum += NormOf(q_error) + NormOf(v_error);
    reported_.position[i] = Slope(q_error) * of_q;
    reported_.momentum[i] = Slope(v_error) * of_v;
  }
  return sum * factor_;
}

template <typename Real>
void RecordedLoss<Real>::Backward(int64_t substep, bool reported) {
  for (int i = method_.stages; i-- > 0;) {
    rate_cotangent_.Clear();
    rate_cotangent_.Add(h_ * method_.b[i], carried_);
    if (method_.drift > 0.0) {
      rate_cotangent_.AddScaled(method_.drift * h_ * h_, carried_.position,
                                &rate_cotangent_.momentum);
    }
    for (int later = i + 1; later < method_.stages; ++later) {
      rate_cotangent_.Add(h_ * method_.a[later][i], stages_[later]);
    }
    // The velocity of a window's state is the one that the first stage after it found.
    const std::vector<Real>& of_velocity = reported && i == 0 ? reported_.momentum : nothing_;
    const int64_t slot = substep * method_.stages + i;
    Halves<Real>& of_stage = stages_[i];
    of_stage.Clear();
    dynamics_->BackThroughEvaluation(slot, rate_cotangent_.position.data(),
                                     rate_cotangent_.momentum.data(), of_velocity.data(),
                                     of_stage.position.data(), of_stage.momentum.data());
    if (slot == 0) {
      for (const Halves<Real>& stage : stages_) carried_.Add(1.0, stage);
      dynamics_->BackThroughEnter(0, carried_.momentum.data());
    }
    dynamics_->BackThroughPosition(slot, of_stage.position.data());
  }
  if (substep == 0) return;  // what comes before is given
  for (const Halves<Real>& stage : stages_) carried_.Add(1.0, stage);
  if (!reported) return;
  for (size_t i = 0; i < nothing_.size(); ++i) carried_.position[i] += reported_.position[i];
}

template <typename Real>
double RecordedLoss<Real>::EvaluateBlock(Real* gradient) {
  Forward();
  carried_.Clear();
  double loss = FindLoss(transitions_);
  const int64_t last = SlotOf(transitions_);
  carried_.position = reported_.position;
  dynamics_->BackThroughVelocity(last, reported_.momentum.data(), carried_.momentum.data());
  dynamics_->BackThroughPosition(last, carried_.position.data());
  for (int64_t substep = transitions_ * substeps_; substep-- > 0;) {
    const bool reported = substep > 0 && substep % substeps_ == 0;
    if (reported) loss += FindLoss(substep / substeps_);
    Backward(substep, reported);
  }
  dynamics_->AddGradient(gradient);
  return loss;
}

template <typename Real>
absl::Status RecordedLoss<Real>::Evaluate(absl::Span<const WindowBatch> batches,
                                          absl::Span<const Real> parameters,
                                          absl::Span<double> losses, absl::Span<Real> gradient) {
  std::fill(gradient.begin(), gradient.end(), Real{0});
  for (size_t member = 0; member < batches.size(); ++member) {
    if (batches[member].size != batch_) {
      return absl::InvalidArgumentError(absl::StrCat("a batch of ", batches[member].size,
                                                     " windows, the loss was made for ", batch_));
    }
    const int64_t offset = static_cast<int64_t>(member) * model_.member_size();
    dynamics_->SetParameters(parameters.data() + offset);
    losses[member] = 0.0;
    for (int64_t first = 0; first < batch_; first += lanes_) {
      TakeBlock(batches[member], first);
      losses[member] += EvaluateBlock(gradient.data() + offset);
    }
  }
  return absl::OkStatus();
}

// Is dq/dt what the kind carries beside q?
bool CarriesVelocity(const DynamicsSpec& dynamics) {
  return dynamics.kind == DynamicsKind::kNodeSo ||
         (dynamics.mass == MassKind::kIdentity && dynamics.kind != DynamicsKind::kHnnNonseparable);
}

}  // namespace

bool TakesRecordedWindowLoss(const TransitionModelSpec& spec) {
  const Method method = MethodOf(spec.integrator.method);
  if (method.stages == 0 || spec.dynamics.activation != Activation::kTanh) return false;
  if (method.drift > 0.0 && !CarriesVelocity(spec.dynamics)) return false;
  switch (spec.dynamics.kind) {
    case DynamicsKind::kNode:
    case DynamicsKind::kNodeSo:
    case DynamicsKind::kHnn:
    case DynamicsKind::kHnnNonseparable:
    case DynamicsKind::kMechanics:
      return true;
    default:
      return false;
  }
}

template <typename Real>
std::unique_ptr<BasicWindowLoss<Real>> MakeRecordedWindowLoss(const ModelParameters& parameters,
                                                              std::vector<float> inverse_scale,
                                                              int64_t window_transitions,
                                                              int64_t batch, LossNorm norm) {
  return std::make_unique<RecordedLoss<Real>>(parameters, std::move(inverse_scale),
                                              window_transitions, batch, norm);
}

template std::unique_ptr<BasicWindowLoss<float>> MakeRecordedWindowLoss<float>(
    const ModelParameters&, std::vector<float>, int64_t, int64_t, LossNorm);
template std::unique_ptr<BasicWindowLoss<double>> MakeRecordedWindowLoss<double>(
    const ModelParameters&, std::vector<float>, int64_t, int64_t, LossNorm);

}  // namespace rollout
