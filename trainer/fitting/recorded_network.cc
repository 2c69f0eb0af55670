// With x_0 the normalised input, forward
//   x_{i+1} = tanh(x_i W_i' + b_i),   y = output_std (x_L W_L' + b_L) + output_mean,
// and its input's cotangent for y*
//   o_L = output_std y*,   s_i = o_i W_i,   o_{i-1} = s_i (1 - x_i^2),   x* = s_0 / input_std.
// Below, `input` holds x_i and, in its lower part, the cotangent of s_i; `output` the cotangent of
// x_i W_i' + b_i and, in its lower part, o_i: then the gradient of W_i is output' input over both
// parts at once.
#include "trainer/fitting/recorded_network.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace rollout {

template <typename Real>
RecordedNetwork<Real>::RecordedNetwork(const ModelParameters& model, const std::string& network,
                                       const NetworkScale& scale, int64_t slots,
                                       int64_t cotangent_slots, int64_t batch)
    : slots_(slots), cotangent_slots_(cotangent_slots), batch_(batch) {
  int widest = 0;
  for (size_t i = 0; i <= model.spec().dynamics.hidden_sizes.size(); ++i) {
    const LearnedTensor* weight = model.Find(absl::StrCat(network, ".", i, ".weight"));
    Layer& layer = layers_.emplace_back();
    layer.outputs = static_cast<int>(weight->shape[0]);
    layer.inputs = static_cast<int>(weight->shape[1]);
    layer.weight_offset = weight->offset;
    layer.bias_offset = model.Find(absl::StrCat(network, ".", i, ".bias"))->offset;
    layer.input.resize((slots + cotangent_slots) * batch * layer.inputs);
    layer.output.resize((slots + cotangent_slots) * batch * layer.outputs);
    layer.star.resize(cotangent_slots * batch * layer.inputs);
    layer.more_cotangent.resize(cotangent_slots > 0 ? batch * layer.inputs : 0);
    widest = std::max({widest, layer.inputs, layer.outputs});
  }
  scratch_.resize(batch * widest);
  const auto fill = [](absl::Span<const float> values, int size, Real absent) {
    std::vector<Real> result(size, absent);
    std::copy(values.begin(), values.end(), result.begin());
    return result;
  };
  input_mean_ = fill(scale.input_mean, inputs(), 0);
  input_inverse_std_ = fill(scale.input_std, inputs(), 1);
  for (Real& value : input_inverse_std_) value = 1 / value;
  output_mean_ = fill(scale.output_mean, outputs(), 0);
  output_std_ = fill(scale.output_std, outputs(), 1);
}

template <typename Real>
void RecordedNetwork<Real>::SetParameters(const Real* parameters) {
  for (Layer& layer : layers_) {
    const Real* weight = parameters + layer.weight_offset;
    layer.bias = parameters + layer.bias_offset;
    layer.weight.Pack(layer.outputs, layer.inputs, {weight, layer.inputs});
    layer.weight_transposed.Pack(layer.inputs, layer.outputs, {weight, layer.inputs, true});
  }
}

template <typename Real>
void RecordedNetwork<Real>::TimesTransposed(const Layer& layer, const Real* x, Real* y) {
  multiplier_.Multiply(batch_, {x, layer.inputs}, layer.weight_transposed, y);
}

template <typename Real>
void RecordedNetwork<Real>::Times(const Layer& layer, const Real* y, Real* x) {
  multiplier_.Multiply(batch_, {y, layer.outputs}, layer.weight, x);
}

namespace {

// result[row][i] = matrix[row][i] * factor[i]
template <typename Real>
void ScaleColumns(int64_t rows, const std::vector<Real>& factor, const Real* matrix, Real* result) {
  const int64_t columns = static_cast<int64_t>(factor.size());
  for (int64_t row = 0; row < rows; ++row, matrix += columns, result += columns) {
    for (int64_t i = 0; i < columns; ++i) result[i] = matrix[i] * factor[i];
  }
}

}  // namespace

template <typename Real>
void RecordedNetwork<Real>::Forward(int64_t slot, Real* output) {
  Real* x = input(slot);
  for (int64_t row = 0; row < batch_; ++row, x += inputs()) {
    for (int i = 0; i < inputs(); ++i) x[i] = (x[i] - input_mean_[i]) * input_inverse_std_[i];
  }
  const int rows = static_cast<int>(batch_);
  for (size_t i = 0; i + 1 < layers_.size(); ++i) {
    const Layer& layer = layers_[i];
    Real* out = Rows(layers_[i + 1].input, slot, layer.outputs);
    TimesTransposed(layer, Rows(layers_[i].input, slot, layer.inputs), out);
    AddBiasAndTanh(rows, layer.outputs, layer.bias, out);
  }
  if (output == nullptr) return;
  const Layer& last = layers_.back();
  TimesTransposed(last, Rows(layers_.back().input, slot, last.inputs), output);
  const Real* bias = last.bias;
  for (int64_t row = 0; row < batch_; ++row, output += outputs()) {
    for (int i = 0; i < outputs(); ++i) {
      output[i] = output_std_[i] * (output[i] + bias[i]) + output_mean_[i];
    }
  }
}

template <typename Real>
void RecordedNetwork<Real>::InputCotangent(int64_t slot, const Real* output_cotangent,
                                           Real* input_cotangent) {
  const int64_t lower = slots_ + slot;
  ScaleColumns(batch_, output_std_, output_cotangent,
               Rows(layers_.back().output, lower, outputs()));
  for (size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];
    Real* star = i == 0 ? input_cotangent : Rows(layer.star, slot, layer.inputs);
    Times(layer, Rows(layer.output, lower, layer.outputs), star);
    if (i == 0) continue;
    BackThroughTanh(batch_ * layer.inputs, Rows(layer.input, slot, layer.inputs), star,
                    static_cast<const Real*>(nullptr),
                    Rows(layers_[i - 1].output, lower, layer.inputs));
  }
  ScaleColumns(batch_, input_inverse_std_, input_cotangent, input_cotangent);
}

template <typename Real>
void RecordedNetwork<Real>::BackThroughInputCotangent(int64_t slot, const Real* cotangent,
                                                      Real* back) {
  const int64_t lower = slots_ + slot;
  ScaleColumns(batch_, input_inverse_std_, cotangent, Rows(layers_.front().input, lower, inputs()));
  for (size_t i = 0; i < layers_.size(); ++i) {
    Layer& layer = layers_[i];
    const Real* of_star = Rows(layer.input, lower, layer.inputs);
    if (i + 1 == layers_.size()) {
      if (back == nullptr) return;
      TimesTransposed(layer, of_star, back);
      ScaleColumns(batch_, output_std_, back, back);
      return;
    }
    Layer& above = layers_[i + 1];
    TimesTransposed(layer, of_star, scratch_.data());
    BackThroughSlope(batch_ * above.inputs, Rows(above.input, slot, above.inputs),
                     Rows(above.star, slot, above.inputs), scratch_.data(),
                     Rows(above.input, lower, above.inputs), above.more_cotangent.data());
  }
}

template <typename Real>
void RecordedNetwork<Real>::Backward(int64_t slot, const Real* cotangent, Real* back) {
  Real* last = Rows(layers_.back().output, slot, outputs());
  if (cotangent != nullptr) {
    ScaleColumns(batch_, output_std_, cotangent, last);
  } else {
    std::fill_n(last, batch_ * outputs(), Real{0});
  }
  for (size_t i = layers_.size(); i-- > 0;) {
    Layer& layer = layers_[i];
    Real* below = i == 0 ? back : scratch_.data();
    if (cotangent == nullptr && i + 1 == layers_.size()) {
      std::fill_n(below, batch_ * layer.inputs, Real{0});
    } else {
      Times(layer, Rows(layer.output, slot, layer.outputs), below);
    }
    if (i == 0) break;
    const Real* more = slot < cotangent_slots_ ? layer.more_cotangent.data() : nullptr;
    BackThroughTanh(batch_ * layer.inputs, Rows(layer.input, slot, layer.inputs), below, more,
                    Rows(layers_[i - 1].output, slot, layer.inputs));
  }
  ScaleColumns(batch_, input_inverse_std_, back, back);
}

template <typename Real>
void RecordedNetwork<Real>::AddGradient(Real* gradient) {
  const int64_t rows = (slots_ + cotangent_slots_) * batch_;
  for (const Layer& layer : layers_) {
    multiplier_.MultiplyAdd(layer.outputs, layer.inputs, rows,
                            {layer.output.data(), layer.outputs, true},
                            {layer.input.data(), layer.inputs}, gradient + layer.weight_offset);
    SumRows(static_cast<int>(slots_ * batch_), layer.outputs, layer.output.data(), scratch_.data());
    for (int i = 0; i < layer.outputs; ++i) gradient[layer.bias_offset + i] += scratch_[i];
  }
}

template class RecordedNetwork<float>;
template class RecordedNetwork<double>;

}  // namespace rollout
