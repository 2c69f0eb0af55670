// Forward and backward pass of NODE and NODE_SO over the substeps of a window, written out.
//
// With a = std * mlp(norm([f(q), v, u])) + mean, one substep of h is
//   NODE, EULER                     q' = q + h a_q             v' = v + h a_v
//   NODE_SO, EULER                  q' = q + h v               v' = v + h a
//   NODE_SO, CONSTANT_ACCELERATION  q' = q + h v + h^2/2 a     v' = v + h a
//   NODE_SO, SYMPLECTIC_EULER       q' = q + h v + h^2 a       v' = v + h a
// The forward pass keeps each layer's input of every substep in one tall matrix, the backward pass
// each layer's cotangent, so that the weights' gradients are one product per layer over all
// substeps instead of one for each.
#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/fitting/tanh_layer.h"
#include "trainer/fitting/window_loss.h"
#include "trainer/sac/elementwise.h"
#include "trainer/sac/matrix_product.h"

namespace rollout {
namespace {

// One layer of every substep.
struct Layer {
  int inputs = 0, outputs = 0;
  int64_t weight_offset = 0, bias_offset = 0;  // within a member's parameters
  std::vector<float> input;                    // [substeps, B, inputs]
  std::vector<float> cotangent;                // [substeps, B, outputs], of W x + b
};

// NODE_SO's position after a substep of h is q + h v + this times a.
float DriftOfAcceleration(IntegratorMethod method, float h) {
  switch (method) {
    case IntegratorMethod::kConstantAcceleration:
      return 0.5f * h * h;
    case IntegratorMethod::kSymplecticEuler:
      return h * h;
    default:
      return 0.0f;
  }
}

class NodeLoss final : public WindowLoss {
 public:
  NodeLoss(const ModelParameters& parameters, std::vector<float> inverse_scale,
           int64_t window_transitions, int64_t batch);

  absl::Status Evaluate(absl::Span<const WindowBatch> batches, absl::Span<const float> parameters,
                        absl::Span<double> losses, absl::Span<float> gradient) override;

 private:
  double EvaluateMember(const WindowBatch& batch, const float* parameters, float* gradient);
  void WriteInput(int64_t substep, const float* state, const float* control);
  // The network's output at `substep` into output_.
  void ForwardNetwork(int64_t substep, const float* parameters);
  // From the cotangent of the last layer at `substep` to that of the network's input.
  void BackwardNetwork(int64_t substep, const float* parameters);
  void Advance(const float* state, float* next) const;
  // The cotangent of a state from that of the next one (in place), through one substep.
  void RetreatCotangent(int64_t substep, const float* parameters);
  double AddLossCotangent(const float* predicted, const float* observed, double factor);

  const ModelParameters& model_;
  const std::vector<float> inverse_scale_;
  const int64_t transitions_;
  const int64_t batch_;
  const int n_;
  const int nu_;
  const int features_;
  const bool second_order_;
  const int substeps_;
  const float h_;
  const float drift_;  // what an acceleration adds to the position within a substep
  const absl::Span<const float> input_mean_, output_mean_, output_std_;
  std::vector<float> input_inverse_std_;
  std::vector<int> plain_positions_;  // those that enter networks as they are
  double counted_dimensions_ = 0;

  MatrixMultiplier multiplier_;
  std::vector<Layer> layers_;
  std::vector<float> output_;           // [B, out of the last layer]
  std::vector<float> input_cotangent_;  // [B, in of the first layer]
  std::vector<float> states_;           // [substeps + 1, B, 2n]
  std::vector<float> cotangent_;        // [B, 2n], of the present state
};

NodeLoss::NodeLoss(const ModelParameters& parameters, std::vector<float> inverse_scale,
                   int64_t window_transitions, int64_t batch)
    : model_(parameters),
      inverse_scale_(std::move(inverse_scale)),
      transitions_(window_transitions),
      batch_(batch),
      n_(parameters.spec().num_positions),
      nu_(parameters.spec().num_controls),
      features_(parameters.spec().num_features()),
      second_order_(parameters.spec().dynamics.kind == DynamicsKind::kNodeSo),
      substeps_(parameters.spec().integrator.substeps),
      h_(static_cast<float>(parameters.spec().transition_dt / substeps_)),
      drift_(DriftOfAcceleration(parameters.spec().integrator.method, h_)),
      input_mean_(parameters.normaliser("input.mean")),
      output_mean_(parameters.normaliser("output.mean")),
      output_std_(parameters.normaliser("output.std")) {
  for (const float deviation : parameters.normaliser("input.std")) {
    input_inverse_std_.push_back(1.0f / deviation);
  }
  const auto in = [](const std::vector<int>& list, int i) {
    return std::find(list.begin(), list.end(), i) != list.end();
  };
  for (int i = 0; i < n_; ++i) {
    if (!in(model_.spec().angular_positions, i) && !in(model_.spec().ignored_positions, i)) {
      plain_positions_.push_back(i);
    }
  }
  for (const float inverse : inverse_scale_) counted_dimensions_ += inverse > 0.0f;

  const int64_t total = transitions_ * substeps_;
  for (size_t i = 0; i <= model_.spec().dynamics.hidden_sizes.size(); ++i) {
    const LearnedTensor* weight = model_.Find(absl::StrCat("mlp.", i, ".weight"));
    Layer layer;
    layer.outputs = static_cast<int>(weight->shape[0]);
    layer.inputs = static_cast<int>(weight->shape[1]);
    layer.weight_offset = weight->offset;
    layer.bias_offset = model_.Find(absl::StrCat("mlp.", i, ".bias"))->offset;
    layer.input.resize(total * batch_ * layer.inputs);
    layer.cotangent.resize(total * batch_ * layer.outputs);
    layers_.push_back(std::move(layer));
  }
  output_.resize(batch_ * layers_.back().outputs);
  input_cotangent_.resize(batch_ * layers_.front().inputs);
  states_.resize((total + 1) * batch_ * 2 * n_);
  cotangent_.resize(batch_ * 2 * n_);
}

void NodeLoss::WriteInput(int64_t substep, const float* state, const float* control) {
  const int64_t width = layers_.front().inputs;
  float* row = &layers_.front().input[substep * batch_ * width];
  const std::vector<int>& angular = model_.spec().angular_positions;
  const int angles = static_cast<int>(angular.size());
  for (int64_t lane = 0; lane < batch_; ++lane, row += width, state += 2 * n_, control += nu_) {
    for (int a = 0; a < angles; ++a) {
      row[a] = std::cos(state[angular[a]]);
      row[angles + a] = std::sin(state[angular[a]]);
    }
    float* out = row + 2 * angles;
    for (const int position : plain_positions_) *out++ = state[position];
    out = std::copy_n(state + n_, n_, out);
    std::copy_n(control, nu_, out);
    for (int64_t i = 0; i < width; ++i) row[i] = (row[i] - input_mean_[i]) * input_inverse_std_[i];
  }
}

void NodeLoss::ForwardNetwork(int64_t substep, const float* parameters) {
  const int rows = static_cast<int>(batch_);
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    float* out = last ? output_.data() : &layers_[i + 1].input[substep * batch_ * layer.outputs];
    multiplier_.Multiply(rows, layer.outputs, layer.inputs,
                         {&layer.input[substep * batch_ * layer.inputs], layer.inputs},
                         {parameters + layer.weight_offset, layer.inputs, true}, out,
                         layer.outputs);
    if (last) {
      AddBias(rows, layer.outputs, parameters + layer.bias_offset, out);
    } else {
      AddBiasAndTanh(rows, layer.outputs, parameters + layer.bias_offset, out);
    }
  }
}

void NodeLoss::BackwardNetwork(int64_t substep, const float* parameters) {
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const int64_t block = substep * batch_ * layer.inputs;
    float* below = i == 0 ? input_cotangent_.data() : &layers_[i - 1].cotangent[block];
    multiplier_.Multiply(static_cast<int>(batch_), layer.inputs, layer.outputs,
                         {&layer.cotangent[substep * batch_ * layer.outputs], layer.outputs},
                         {parameters + layer.weight_offset, layer.inputs}, below, layer.inputs);
    if (i > 0) BackThroughTanh(batch_ * layer.inputs, &layer.input[block], below, nullptr, below);
  }
}

void NodeLoss::Advance(const float* state, float* next) const {
  const float* y = output_.data();
  for (int64_t lane = 0; lane < batch_; ++lane, state += 2 * n_, next += 2 * n_) {
    if (!second_order_) {
      for (int d = 0; d < 2 * n_; ++d) {
        next[d] = state[d] + h_ * (output_std_[d] * y[d] + output_mean_[d]);
      }
      y += 2 * n_;
      continue;
    }
    for (int i = 0; i < n_; ++i) {
      const float acceleration = output_std_[i] * y[i] + output_mean_[i];
      next[i] = state[i] + h_ * state[n_ + i] + drift_ * acceleration;
      next[n_ + i] = state[n_ + i] + h_ * acceleration;
    }
    y += n_;
  }
}

void NodeLoss::RetreatCotangent(int64_t substep, const float* parameters) {
  float* output_cotangent = &layers_.back().cotangent[substep * batch_ * layers_.back().outputs];
  float* z = cotangent_.data();
  for (int64_t lane = 0; lane < batch_; ++lane, z += 2 * n_) {
    if (!second_order_) {
      for (int d = 0; d < 2 * n_; ++d) *output_cotangent++ = h_ * output_std_[d] * z[d];
      continue;
    }
    for (int i = 0; i < n_; ++i) {
      *output_cotangent++ = output_std_[i] * (drift_ * z[i] + h_ * z[n_ + i]);
      z[n_ + i] += h_ * z[i];
    }
  }
  BackwardNetwork(substep, parameters);

  const std::vector<int>& angular = model_.spec().angular_positions;
  const int angles = static_cast<int>(angular.size());
  const float* state = &states_[substep * batch_ * 2 * n_];
  float* x = input_cotangent_.data();
  z = cotangent_.data();
  const int64_t width = layers_.front().inputs;
  for (int64_t lane = 0; lane < batch_; ++lane, x += width, z += 2 * n_, state += 2 * n_) {
    for (int64_t i = 0; i < features_ + n_; ++i) x[i] *= input_inverse_std_[i];
    for (int a = 0; a < angles; ++a) {
      const float q = state[angular[a]];
      z[angular[a]] += std::cos(q) * x[angles + a] - std::sin(q) * x[a];
    }
    const float* in = x + 2 * angles;
    for (const int position : plain_positions_) z[position] += *in++;
    for (int i = 0; i < n_; ++i) z[n_ + i] += *in++;
  }
}

double NodeLoss::AddLossCotangent(const float* predicted, const float* observed, double factor) {
  double sum = 0.0;
  const float scale = static_cast<float>(2.0 * factor);
  for (int64_t lane = 0; lane < batch_; ++lane) {
    for (int d = 0; d < 2 * n_; ++d) {
      const int64_t at = lane * 2 * n_ + d;
      const float error = (predicted[at] - observed[at]) * inverse_scale_[d];
      sum += static_cast<double>(error) * error;
      cotangent_[at] += scale * error * inverse_scale_[d];
    }
  }
  return sum * factor;
}

double NodeLoss::EvaluateMember(const WindowBatch& batch, const float* parameters,
                                float* gradient) {
  const int64_t state_block = batch_ * 2 * n_;
  const int64_t total = transitions_ * substeps_;
  std::copy_n(batch.states.data(), state_block, states_.data());
  for (int64_t k = 0; k < total; ++k) {
    const float* state = &states_[k * state_block];
    WriteInput(k, state, batch.controls.data() + k / substeps_ * batch_ * nu_);
    ForwardNetwork(k, parameters);
    Advance(state, &states_[(k + 1) * state_block]);
  }
  double loss = 0.0;
  const double factor =
      1.0 / (static_cast<double>((transitions_ + 1) * batch_) * std::max(1.0, counted_dimensions_));
  std::fill(cotangent_.begin(), cotangent_.end(), 0.0f);
  for (int64_t k = total; k-- > 0;) {
    if ((k + 1) % substeps_ == 0) {
      loss += AddLossCotangent(&states_[(k + 1) * state_block],
                               &batch.states[(k + 1) / substeps_ * state_block], factor);
    }
    RetreatCotangent(k, parameters);
  }
  const int rows = static_cast<int>(total * batch_);
  for (const Layer& layer : layers_) {
    multiplier_.Multiply(
        layer.outputs, layer.inputs, rows, {layer.cotangent.data(), layer.outputs, true},
        {layer.input.data(), layer.inputs}, gradient + layer.weight_offset, layer.inputs);
    SumRows(rows, layer.outputs, layer.cotangent.data(), gradient + layer.bias_offset);
  }
  return loss;
}

absl::Status NodeLoss::Evaluate(absl::Span<const WindowBatch> batches,
                                absl::Span<const float> parameters, absl::Span<double> losses,
                                absl::Span<float> gradient) {
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

bool TakesNodeWindowLoss(const TransitionModelSpec& spec) {
  const bool kind =
      spec.dynamics.kind == DynamicsKind::kNode || spec.dynamics.kind == DynamicsKind::kNodeSo;
  const bool method = spec.integrator.method == IntegratorMethod::kEuler ||
                      spec.integrator.method == IntegratorMethod::kConstantAcceleration ||
                      spec.integrator.method == IntegratorMethod::kSymplecticEuler;
  return kind && method && spec.dynamics.activation == Activation::kTanh;
}

std::unique_ptr<WindowLoss> MakeNodeWindowLoss(const ModelParameters& parameters,
                                               std::vector<float> inverse_scale,
                                               int64_t window_transitions, int64_t batch) {
  return std::make_unique<NodeLoss>(parameters, std::move(inverse_scale), window_transitions,
                                    batch);
}

}  // namespace rollout
