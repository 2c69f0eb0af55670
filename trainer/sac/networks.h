// The networks of the SAC learner: forward and backward over a batch, written by hand.
#ifndef ROLLOUT_TRAINER_SAC_NETWORKS_H_
#define ROLLOUT_TRAINER_SAC_NETWORKS_H_

#include <cstddef>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"
#include "trainer/arithmetic/matrix_product.h"

namespace rollout {

// N networks of two rectified hidden layers and a linear output, all with the same input:
// N = 1 is the actor, N = 2 the twin critics. Their parameters lie in one flat buffer in the order
//   weight1 [N * hidden, inputs], bias1 [N * hidden],
//   weight2 [N, hidden, hidden],  bias2 [N * hidden],
//   weight3 [N, outputs, hidden], bias3 [N * outputs],
// so that the first layers of all N are one matrix product. Weights are [out, in] as in PyTorch.
struct SacNetworkShape {
  int networks = 1;
  int inputs = 0;
  int hidden = 0;
  int outputs = 0;

  size_t weight1() const { return 0; }
  size_t bias1() const { return static_cast<size_t>(networks) * hidden * inputs; }
  size_t weight2() const { return bias1() + static_cast<size_t>(networks) * hidden; }
  size_t bias2() const { return weight2() + static_cast<size_t>(networks) * hidden * hidden; }
  size_t weight3() const { return bias2() + static_cast<size_t>(networks) * hidden; }
  size_t bias3() const { return weight3() + static_cast<size_t>(networks) * outputs * hidden; }
  size_t size() const { return bias3() + static_cast<size_t>(networks) * outputs; }
};

// PyTorch's default for linear layers: weights and biases uniform within 1 / sqrt(inputs).
std::vector<float> InitialParameters(const SacNetworkShape& shape, Random& random);

// Forward and backward of networks of one shape over `batch_size` rows, with everything that lies
// between allocated once. Holds no parameters, so the critics and their targets share one. Owned
// and used by one thread.
class SacNetworkPass {
 public:
  SacNetworkPass(const SacNetworkShape& shape, int batch_size);

  // `input` [batch, inputs]; the result [batch, networks * outputs] (network by network within a
  // row) stays valid until the next call.
  absl::Span<const float> Forward(absl::Span<const float> parameters, const float* input);

  // Both go backward through the last Forward (same parameters and input).
  // `output_gradient` [batch, networks * outputs].
  // Writes the gradient with respect to the parameters, laid out as these.
  void BackwardToParameters(absl::Span<const float> parameters, const float* input,
                            absl::Span<const float> output_gradient,
                            absl::Span<float> parameter_gradient);
  // Writes the gradient with respect to the inputs from `first_input` on, [batch, inputs -
  // first_input], summed over the networks.
  void BackwardToInputs(absl::Span<const float> parameters, absl::Span<const float> output_gradient,
                        int first_input, absl::Span<float> input_gradient);

 private:
  // Fills hidden2_gradient_, and hidden1_gradient_ from it.
  void BackwardToSecondHidden(absl::Span<const float> parameters,
                              absl::Span<const float> output_gradient);
  void BackwardToFirstHidden(absl::Span<const float> parameters);

  const SacNetworkShape shape_;
  const int batch_size_;
  MatrixMultiplier multiplier_;
  std::vector<float> hidden1_;  // [batch, networks * hidden], after the rectifier
  std::vector<float> hidden2_;
  std::vector<float> output_;  // [batch, networks * outputs]
  std::vector<float> hidden1_gradient_;
  std::vector<float> hidden2_gradient_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_SAC_NETWORKS_H_
