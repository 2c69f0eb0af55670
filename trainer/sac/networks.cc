#include "trainer/sac/networks.h"

#include <cmath>

#include "trainer/arithmetic/elementwise.h"
#include "trainer/arithmetic/matrix_product.h"

namespace rollout {

std::vector<float> InitialParameters(const SacNetworkShape& shape, Random& random) {
  std::vector<float> parameters(shape.size());
  const auto fill = [&](size_t begin, size_t end, int inputs) {
    const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
    for (size_t i = begin; i < end; ++i) {
      parameters[i] = static_cast<float>(random.Uniform(-bound, bound));
    }
  };
  fill(shape.weight1(), shape.weight2(), shape.inputs);
  fill(shape.weight2(), shape.size(), shape.hidden);
  return parameters;
}

SacNetworkPass::SacNetworkPass(const SacNetworkShape& shape, int batch_size)
    : shape_(shape), batch_size_(batch_size) {
  const size_t hidden = static_cast<size_t>(batch_size) * shape.networks * shape.hidden;
  hidden1_.resize(hidden);
  hidden2_.resize(hidden);
  hidden1_gradient_.resize(hidden);
  hidden2_gradient_.resize(hidden);
  output_.resize(static_cast<size_t>(batch_size) * shape.networks * shape.outputs);
}

absl::Span<const float> SacNetworkPass::Forward(absl::Span<const float> parameters,
                                                const float* input) {
  const auto [networks, inputs, hidden, outputs] = shape_;
  const int width = networks * hidden;
  const int output_width = networks * outputs;
  multiplier_.Multiply(batch_size_, width, inputs, {input, inputs},
                       {parameters.data() + shape_.weight1(), inputs, true}, hidden1_.data(),
                       width);
  AddBiasAndRectify(batch_size_, width, parameters.data() + shape_.bias1(), hidden1_.data());
  for (int n = 0; n < networks; ++n) {
    const float* weight = parameters.data() + shape_.weight2() + size_t(n) * hidden * hidden;
    multiplier_.Multiply(batch_size_, hidden, hidden, {hidden1_.data() + n * hidden, width},
                         {weight, hidden, true}, hidden2_.data() + n * hidden, width);
  }
  AddBiasAndRectify(batch_size_, width, parameters.data() + shape_.bias2(), hidden2_.data());
  for (int n = 0; n < networks; ++n) {
    const float* weight = parameters.data() + shape_.weight3() + size_t(n) * outputs * hidden;
    multiplier_.Multiply(batch_size_, outputs, hidden, {hidden2_.data() + n * hidden, width},
                         {weight, hidden, true}, output_.data() + n * outputs, output_width);
  }
  AddBias(batch_size_, output_width, parameters.data() + shape_.bias3(), output_.data());
  return output_;
}

void SacNetworkPass::BackwardToSecondHidden(absl::Span<const float> parameters,
                                            absl::Span<const float> output_gradient) {
  const auto [networks, inputs, hidden, outputs] = shape_;
  const int width = networks * hidden;
  for (int n = 0; n < networks; ++n) {
    const float* weight = parameters.data() + shape_.weight3() + size_t(n) * outputs * hidden;
    multiplier_.Multiply(batch_size_, hidden, outputs,
                         {output_gradient.data() + n * outputs, networks * outputs},
                         {weight, hidden}, hidden2_gradient_.data() + n * hidden, width);
  }
  BackThroughRectifier(hidden2_.size(), hidden2_.data(), hidden2_gradient_.data());
}

void SacNetworkPass::BackwardToFirstHidden(absl::Span<const float> parameters) {
  const auto [networks, inputs, hidden, outputs] = shape_;
  const int width = networks * hidden;
  for (int n = 0; n < networks; ++n) {
    const float* weight = parameters.data() + shape_.weight2() + size_t(n) * hidden * hidden;
    multiplier_.Multiply(batch_size_, hidden, hidden,
                         {hidden2_gradient_.data() + n * hidden, width}, {weight, hidden},
                         hidden1_gradient_.data() + n * hidden, width);
  }
  BackThroughRectifier(hidden1_.size(), hidden1_.data(), hidden1_gradient_.data());
}

void SacNetworkPass::BackwardToParameters(absl::Span<const float> parameters, const float* input,
                                          absl::Span<const float> output_gradient,
                                          absl::Span<float> parameter_gradient) {
  const auto [networks, inputs, hidden, outputs] = shape_;
  const int width = networks * hidden;
  const int output_width = networks * outputs;
  float* gradient = parameter_gradient.data();
  BackwardToSecondHidden(parameters, output_gradient);
  for (int n = 0; n < networks; ++n) {
    multiplier_.Multiply(outputs, hidden, batch_size_,
                         {output_gradient.data() + n * outputs, output_width, true},
                         {hidden2_.data() + n * hidden, width},
                         gradient + shape_.weight3() + size_t(n) * outputs * hidden, hidden);
    multiplier_.Multiply(hidden, hidden, batch_size_,
                         {hidden2_gradient_.data() + n * hidden, width, true},
                         {hidden1_.data() + n * hidden, width},
                         gradient + shape_.weight2() + size_t(n) * hidden * hidden, hidden);
  }
  SumRows(batch_size_, output_width, output_gradient.data(), gradient + shape_.bias3());
  SumRows(batch_size_, width, hidden2_gradient_.data(), gradient + shape_.bias2());
  BackwardToFirstHidden(parameters);
  multiplier_.Multiply(width, inputs, batch_size_, {hidden1_gradient_.data(), width, true},
                       {input, inputs}, gradient + shape_.weight1(), inputs);
  SumRows(batch_size_, width, hidden1_gradient_.data(), gradient + shape_.bias1());
}

void SacNetworkPass::BackwardToInputs(absl::Span<const float> parameters,
                                      absl::Span<const float> output_gradient, int first_input,
                                      absl::Span<float> input_gradient) {
  const int width = shape_.networks * shape_.hidden;
  const int columns = shape_.inputs - first_input;
  BackwardToSecondHidden(parameters, output_gradient);
  BackwardToFirstHidden(parameters);
  // One product over the hidden units of all networks adds their gradients up.
  multiplier_.Multiply(batch_size_, columns, width, {hidden1_gradient_.data(), width},
                       {parameters.data() + shape_.weight1() + first_input, shape_.inputs},
                       input_gradient.data(), columns);
}

}  // namespace rollout
