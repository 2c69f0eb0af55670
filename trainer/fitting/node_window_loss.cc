// Forward and backward pass of NODE and NODE_SO over the substeps of a window, written out.
//
// With a = std * mlp(norm([f(q), v, u])) + mean, one substep of h is
//   NODE, EULER                     q' = q + h a_q             v' = v + h a_v
//   NODE_SO, EULER                  q' = q + h v               v' = v + h a
//   NODE_SO, CONSTANT_ACCELERATION  q' = q + h v + h^2/2 a     v' = v + h a
// The forward pass keeps each layer's input of every substep in one tall matrix, the backward pass
// each layer's cotangent, so that the weights' gradients are one product per layer over all
// substeps instead of one for each.
#include <ATen/ops/addmm.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/sum.h>
#include <ATen/ops/tanh.h>
#include <ATen/ops/tanh_backward.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "trainer/fitting/window_loss.h"

namespace rollout {
namespace {

// One layer of every substep.
struct Layer {
  int64_t inputs = 0, outputs = 0;
  int64_t weight_offset = 0, bias_offset = 0;  // within a member's parameters
  at::Tensor input;                            // [substeps * B, inputs]
  at::Tensor cotangent;                        // [substeps * B, outputs], of W x + b
  std::vector<at::Tensor> input_at;            // [B, inputs] of each substep
  std::vector<at::Tensor> cotangent_at;        // [B, outputs]
};

at::Tensor View(const float* data, at::IntArrayRef shape) {
  return at::from_blob(const_cast<float*>(data), shape);
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
  const bool constant_acceleration_;
  const int substeps_;
  const float h_;
  const absl::Span<const float> input_mean_, output_mean_, output_std_;
  std::vector<float> input_inverse_std_;
  std::vector<int> plain_positions_;  // those that enter networks as they are
  double counted_dimensions_ = 0;

  std::vector<Layer> layers_;
  at::Tensor output_;             // [B, out of the last layer]
  at::Tensor input_cotangent_;    // [B, in of the first layer]
  std::vector<float> states_;     // [substeps + 1, B, 2n]
  std::vector<float> cotangent_;  // [B, 2n], of the present state
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
      constant_acceleration_(parameters.spec().integrator.method ==
                             IntegratorMethod::kConstantAcceleration),
      substeps_(parameters.spec().integrator.substeps),
      h_(static_cast<float>(parameters.spec().transition_dt / substeps_)),
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
    layer.outputs = weight->shape[0];
    layer.inputs = weight->shape[1];
    layer.weight_offset = weight->offset;
    layer.bias_offset = model_.Find(absl::StrCat("mlp.", i, ".bias"))->offset;
    layer.input = at::empty({total * batch_, layer.inputs});
    layer.cotangent = at::empty({total * batch_, layer.outputs});
    for (int64_t k = 0; k < total; ++k) {
      layer.input_at.push_back(layer.input.narrow(0, k * batch_, batch_));
      layer.cotangent_at.push_back(layer.cotangent.narrow(0, k * batch_, batch_));
    }
    layers_.push_back(std::move(layer));
  }
  output_ = at::empty({batch_, layers_.back().outputs});
  input_cotangent_ = at::empty({batch_, layers_.front().inputs});
  states_.resize((total + 1) * batch_ * 2 * n_);
  cotangent_.resize(batch_ * 2 * n_);
}

void NodeLoss::WriteInput(int64_t substep, const float* state, const float* control) {
  float* row = layers_.front().input_at[substep].data_ptr<float>();
  const int64_t width = layers_.front().inputs;
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
  for (size_t i = 0; i < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    const bool last = i + 1 == layers_.size();
    at::Tensor out = last ? output_ : layers_[i + 1].input_at[substep];
    const at::Tensor weight = View(parameters + layer.weight_offset, {layer.outputs, layer.inputs});
    const at::Tensor bias = View(parameters + layer.bias_offset, {layer.outputs});
    at::addmm_out(out, bias, layer.input_at[substep], weight.t());
    if (!last) at::tanh_out(out, out);
  }
}

void NodeLoss::BackwardNetwork(int64_t substep, const float* parameters) {
  for (size_t i = layers_.size(); i-- > 0;) {
    const Layer& layer = layers_[i];
    const at::Tensor weight = View(parameters + layer.weight_offset, {layer.outputs, layer.inputs});
    at::Tensor below = i == 0 ? input_cotangent_ : layers_[i - 1].cotangent_at[substep];
    at::mm_out(below, layer.cotangent_at[substep], weight);
    if (i > 0) at::tanh_backward_out(below, below, layer.input_at[substep]);
  }
}

void NodeLoss::Advance(const float* state, float* next) const {
  const float* y = output_.data_ptr<float>();
  const float half = 0.5f * h_ * h_;
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
      next[i] = state[i] + h_ * state[n_ + i];
      if (constant_acceleration_) next[i] += half * acceleration;
      next[n_ + i] = state[n_ + i] + h_ * acceleration;
    }
    y += n_;
  }
}

void NodeLoss::RetreatCotangent(int64_t substep, const float* parameters) {
  float* output_cotangent = layers_.back().cotangent_at[substep].data_ptr<float>();
  float* z = cotangent_.data();
  const float half = constant_acceleration_ ? 0.5f * h_ * h_ : 0.0f;
  for (int64_t lane = 0; lane < batch_; ++lane, z += 2 * n_) {
    if (!second_order_) {
      for (int d = 0; d < 2 * n_; ++d) *output_cotangent++ = h_ * output_std_[d] * z[d];
      continue;
    }
    for (int i = 0; i < n_; ++i) {
      *output_cotangent++ = output_std_[i] * (half * z[i] + h_ * z[n_ + i]);
      z[n_ + i] += h_ * z[i];
    }
  }
  BackwardNetwork(substep, parameters);

  const std::vector<int>& angular = model_.spec().angular_positions;
  const int angles = static_cast<int>(angular.size());
  const float* state = &states_[substep * batch_ * 2 * n_];
  float* x = input_cotangent_.data_ptr<float>();
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
  for (const Layer& layer : layers_) {
    at::Tensor weight = View(gradient + layer.weight_offset, {layer.outputs, layer.inputs});
    at::mm_out(weight, layer.cotangent.t(), layer.input);
    at::Tensor bias = View(gradient + layer.bias_offset, {layer.outputs});
    at::sum_out(bias, layer.cotangent, at::IntArrayRef{0});
  }
  return loss;
}

absl::Status NodeLoss::Evaluate(absl::Span<const WindowBatch> batches,
                                absl::Span<const float> parameters, absl::Span<double> losses,
                                absl::Span<float> gradient) {
  try {
    const c10::InferenceMode no_autograd;
    for (size_t member = 0; member < batches.size(); ++member) {
      if (batches[member].size != batch_) {
        return absl::InvalidArgumentError(absl::StrCat("a batch of ", batches[member].size,
                                                       " windows, the loss was made for ", batch_));
      }
      const int64_t offset = static_cast<int64_t>(member) * model_.member_size();
      losses[member] =
          EvaluateMember(batches[member], parameters.data() + offset, gradient.data() + offset);
    }
  } catch (const std::exception& error) {
    return absl::InternalError(absl::StrCat("LibTorch failed in a fit: ", error.what()));
  }
  return absl::OkStatus();
}

}  // namespace

bool TakesNodeWindowLoss(const TransitionModelSpec& spec) {
  const bool kind =
      spec.dynamics.kind == DynamicsKind::kNode || spec.dynamics.kind == DynamicsKind::kNodeSo;
  const bool method = spec.integrator.method == IntegratorMethod::kEuler ||
                      spec.integrator.method == IntegratorMethod::kConstantAcceleration;
  return kind && method && spec.dynamics.activation == Activation::kTanh;
}

std::unique_ptr<WindowLoss> MakeNodeWindowLoss(const ModelParameters& parameters,
                                               std::vector<float> inverse_scale,
                                               int64_t window_transitions, int64_t batch) {
  return std::make_unique<NodeLoss>(parameters, std::move(inverse_scale), window_transitions,
                                    batch);
}

}  // namespace rollout
