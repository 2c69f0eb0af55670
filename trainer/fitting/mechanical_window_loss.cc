// Forward and backward pass of the kinds with a mass over the substeps of a window, written out,
// under explicit Runge-Kutta methods: y_i = z + h sum_{j<i} a_ij k_j, k_i = f(y_i), z' = z + h
// sum_i b_i k_i.
#include <algorithm>
#include <array>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/fitting/recorded_mechanics.h"
#include "trainer/fitting/window_loss.h"

namespace rollout {
namespace {

constexpr int kMostStages = 4;

struct Tableau {
  int stages = 1;
  std::array<std::array<double, kMostStages>, kMostStages> a = {};
  std::array<double, kMostStages> b = {1.0};
};

// Empty (no stages) for other methods. RK4 is the classic method, RK4_38 Kutta's 3/8 rule (Hairer,
// Norsett and Wanner, Solving Ordinary Differential Equations I, table II.1.2).
Tableau TableauOf(IntegratorMethod method) {
  switch (method) {
    case IntegratorMethod::kEuler:
      return {};
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

// Positions and momenta [batch, n] each, or their rates, or cotangents of either.
template <typename Real>
struct Halves {
  explicit Halves(int64_t size) : position(size), momentum(size) {}
  std::vector<Real> position, momentum;

  void Add(double factor, const Halves& other) {
    const Real f = static_cast<Real>(factor);
    for (size_t i = 0; i < position.size(); ++i) {
      position[i] += f * other.position[i];
      momentum[i] += f * other.momentum[i];
    }
  }
  void Clear() {
    std::fill(position.begin(), position.end(), Real{0});
    std::fill(momentum.begin(), momentum.end(), Real{0});
  }
};

template <typename Real>
class MechanicalLoss final : public BasicWindowLoss<Real> {
 public:
  MechanicalLoss(const ModelParameters& parameters, std::vector<float> inverse_scale,
                 int64_t window_transitions, int64_t batch);

  absl::Status Evaluate(absl::Span<const WindowBatch> batches, absl::Span<const Real> parameters,
                        absl::Span<double> losses, absl::Span<Real> gradient) override;

 private:
  double EvaluateMember(const WindowBatch& batch, const Real* parameters, Real* gradient);
  void Forward(const WindowBatch& batch, const Real* parameters);
  // Takes carried_ from the cotangent of the state after a substep to that of the state before it.
  // `reported`: that state is also one of the window, with the cotangent reported_.
  void Backward(int64_t substep, bool reported, const Real* parameters);
  // The loss of state t >= 1 of the window, and its cotangent into reported_.
  double FindLoss(const WindowBatch& batch, int64_t t);
  int64_t SlotOf(int64_t t) const { return t * substeps_ * tableau_.stages; }

  const ModelParameters& model_;
  const std::vector<float> inverse_scale_;
  const int64_t transitions_, batch_;
  const int n_, nu_;
  const int substeps_;
  const double h_;
  const Tableau tableau_;
  double counted_dimensions_ = 0;

  RecordedMechanics<Real> mechanics_;
  std::vector<Real> velocity_;  // [batch, n], of the first state
  std::vector<Real> nothing_;   // [batch, n], zeros
  Halves<Real> carried_;        // a state on the way forth, its cotangent on the way back
  Halves<Real> reported_;       // the cotangent of a window's state: position and velocity
  Halves<Real> stage_, rate_cotangent_;
  std::vector<Halves<Real>> stages_;  // their rates on the way forth, cotangents of y_i back
};

template <typename Real>
MechanicalLoss<Real>::MechanicalLoss(const ModelParameters& parameters,
                                     std::vector<float> inverse_scale, int64_t window_transitions,
                                     int64_t batch)
    : model_(parameters),
      inverse_scale_(std::move(inverse_scale)),
      transitions_(window_transitions),
      batch_(batch),
      n_(parameters.spec().num_positions),
      nu_(parameters.spec().num_controls),
      substeps_(parameters.spec().integrator.substeps),
      h_(parameters.spec().transition_dt / substeps_),
      tableau_(TableauOf(parameters.spec().integrator.method)),
      mechanics_(parameters, SlotOf(window_transitions) + 1, batch),
      velocity_(batch * n_),
      nothing_(batch * n_),
      carried_(batch * n_),
      reported_(batch * n_),
      stage_(batch * n_),
      rate_cotangent_(batch * n_),
      stages_(tableau_.stages, Halves<Real>(batch * n_)) {
  for (const float inverse : inverse_scale_) counted_dimensions_ += inverse > 0.0f;
}

template <typename Real>
void MechanicalLoss<Real>::Forward(const WindowBatch& batch, const Real* parameters) {
  for (int64_t lane = 0; lane < batch_; ++lane) {
    const float* state = &batch.states[lane * 2 * n_];
    std::copy_n(state, n_, &carried_.position[lane * n_]);
    std::copy_n(state + n_, n_, &velocity_[lane * n_]);
  }
  const auto place = [this](int64_t slot, const Halves<Real>& state) {
    std::copy(state.position.begin(), state.position.end(), mechanics_.position(slot));
    std::copy(state.momentum.begin(), state.momentum.end(), mechanics_.momentum(slot));
  };
  for (int64_t substep = 0; substep < transitions_ * substeps_; ++substep) {
    const float* control = batch.controls.data() + substep / substeps_ * batch_ * nu_;
    for (int i = 0; i < tableau_.stages; ++i) {
      const int64_t slot = substep * tableau_.stages + i;
      stage_ = carried_;
      for (int j = 0; j < i; ++j) stage_.Add(h_ * tableau_.a[i][j], stages_[j]);
      place(slot, stage_);
      mechanics_.FindMass(slot, parameters);
      if (slot == 0) {
        mechanics_.Enter(0, velocity_.data());
        std::copy_n(mechanics_.momentum(0), batch_ * n_, carried_.momentum.data());
      }
      mechanics_.Evaluate(slot, parameters, control, stages_[i].position.data(),
                          stages_[i].momentum.data());
    }
    for (int i = 0; i < tableau_.stages; ++i) carried_.Add(h_ * tableau_.b[i], stages_[i]);
  }
  const int64_t last = SlotOf(transitions_);
  place(last, carried_);
  mechanics_.FindMass(last, parameters);
  mechanics_.FindVelocity(last);
}

template <typename Real>
double MechanicalLoss<Real>::FindLoss(const WindowBatch& batch, int64_t t) {
  const double factor =
      1.0 / (static_cast<double>((transitions_ + 1) * batch_) * std::max(1.0, counted_dimensions_));
  const Real scale = static_cast<Real>(2.0 * factor);
  const Real* position = mechanics_.position(SlotOf(t));
  const Real* velocity = mechanics_.velocity(SlotOf(t));
  const float* observed = &batch.states[t * batch_ * 2 * n_];
  double sum = 0.0;
  for (int64_t i = 0; i < batch_ * n_; ++i) {
    const int64_t lane = i / n_, d = i % n_;
    const float* state = observed + lane * 2 * n_;
    const Real of_q = inverse_scale_[d], of_v = inverse_scale_[n_ + d];
    const Real q_error = (position[i] - state[d]) * of_q;
    const Real v_error = (velocity[i] - state[n_ + d]) * of_v;
    sum += static_cast<double>(q_error) * q_error + static_cast<double>(v_error) * v_error;
    reported_.position[i] = scale * q_error * of_q;
    reported_.momentum[i] = scale * v_error * of_v;
  }
  return sum * factor;
}

template <typename Real>
void MechanicalLoss<Real>::Backward(int64_t substep, bool reported, const Real* parameters) {
  for (int i = tableau_.stages; i-- > 0;) {
    rate_cotangent_.Clear();
    rate_cotangent_.Add(h_ * tableau_.b[i], carried_);
    for (int later = i + 1; later < tableau_.stages; ++later) {
      rate_cotangent_.Add(h_ * tableau_.a[later][i], stages_[later]);
    }
    // The velocity of a window's state is the one that the first stage after it found.
    const std::vector<Real>& of_velocity = reported && i == 0 ? reported_.momentum : nothing_;
    const int64_t slot = substep * tableau_.stages + i;
    Halves<Real>& of_stage = stages_[i];
    of_stage.Clear();
    mechanics_.BackThroughEvaluation(slot, parameters, rate_cotangent_.position.data(),
                                     rate_cotangent_.momentum.data(), of_velocity.data(),
                                     of_stage.position.data(), of_stage.momentum.data());
    if (slot == 0) {
      for (const Halves<Real>& stage : stages_) carried_.Add(1.0, stage);
      mechanics_.BackThroughEnter(0, carried_.momentum.data());
    }
    mechanics_.BackThroughMass(slot, parameters, of_stage.position.data());
  }
  if (substep == 0) return;  // what comes before is given
  for (const Halves<Real>& stage : stages_) carried_.Add(1.0, stage);
  if (!reported) return;
  for (size_t i = 0; i < nothing_.size(); ++i) carried_.position[i] += reported_.position[i];
}

template <typename Real>
double MechanicalLoss<Real>::EvaluateMember(const WindowBatch& batch, const Real* parameters,
                                            Real* gradient) {
  Forward(batch, parameters);
  carried_.Clear();
  double loss = FindLoss(batch, transitions_);
  const int64_t last = SlotOf(transitions_);
  carried_.position = reported_.position;
  mechanics_.BackThroughVelocity(last, reported_.momentum.data(), carried_.momentum.data());
  mechanics_.BackThroughMass(last, parameters, carried_.position.data());
  for (int64_t substep = transitions_ * substeps_; substep-- > 0;) {
    const bool reported = substep > 0 && substep % substeps_ == 0;
    if (reported) loss += FindLoss(batch, substep / substeps_);
    Backward(substep, reported, parameters);
  }
  mechanics_.WriteGradient(gradient);
  return loss;
}

template <typename Real>
absl::Status MechanicalLoss<Real>::Evaluate(absl::Span<const WindowBatch> batches,
                                            absl::Span<const Real> parameters,
                                            absl::Span<double> losses, absl::Span<Real> gradient) {
  for (size_t member = 0; member < batches.size(); ++member) {
    if (batches[member].size != batch_) {
      return absl::InvalidArgumentError(absl::StrCat("a batch of ", batches[member].size,
                                                     " windows, the loss was made for ", batch_));
    }
    const int64_t offset = static_cast<int64_t>(member) * model_.member_size();
    losses[member] =
        EvaluateMember(batches[member], parameters.data() + offset, gradient.data() + offset);
  }
  return absl::OkStatus();
}

}  // namespace

bool TakesMechanicalWindowLoss(const TransitionModelSpec& spec) {
  const DynamicsKind kind = spec.dynamics.kind;
  return (kind == DynamicsKind::kHnn || kind == DynamicsKind::kHnnNonseparable ||
          kind == DynamicsKind::kMechanics) &&
         TableauOf(spec.integrator.method).stages > 0 &&
         spec.dynamics.activation == Activation::kTanh;
}

template <typename Real>
std::unique_ptr<BasicWindowLoss<Real>> MakeMechanicalWindowLoss(const ModelParameters& parameters,
                                                                std::vector<float> inverse_scale,
                                                                int64_t window_transitions,
                                                                int64_t batch) {
  return std::make_unique<MechanicalLoss<Real>>(parameters, std::move(inverse_scale),
                                                window_transitions, batch);
}

template std::unique_ptr<BasicWindowLoss<float>> MakeMechanicalWindowLoss<float>(
    const ModelParameters&, std::vector<float>, int64_t, int64_t);
template std::unique_ptr<BasicWindowLoss<double>> MakeMechanicalWindowLoss<double>(
    const ModelParameters&, std::vector<float>, int64_t, int64_t);

}  // namespace rollout
