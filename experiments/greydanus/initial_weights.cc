#include "experiments/greydanus/initial_weights.h"

#include <algorithm>
#include <cmath>

#include "trainer/fitting/orthogonal.h"

namespace rollout {

std::vector<NamedTensor> InitialWeights(const std::vector<TensorShape>& tensors,
                                        const AbsentBias& absent, Random& random) {
  std::vector<NamedTensor> weights;
  int64_t inputs = 1;
  for (const TensorShape& tensor : tensors) {
    int64_t size = 1;
    for (const int64_t extent : tensor.shape) size *= extent;
    std::vector<float> data(size, 0.0f);
    if (tensor.name.ends_with(".weight")) {
      inputs = tensor.shape[2];
      data = OrthogonalMatrix(tensor.shape[1], inputs, 1.0, random);
    } else if (tensor.name.ends_with(".std")) {
      std::fill(data.begin(), data.end(), 1.0f);
    } else if (tensor.name.ends_with(".bias") && !absent(tensor.name)) {
      const double bound = 1.0 / std::sqrt(static_cast<double>(inputs));
      for (float& value : data) value = static_cast<float>(random.Uniform(-bound, bound));
    }
    weights.push_back({tensor.name, tensor.shape, std::move(data)});
  }
  return weights;
}

WeightsAdam::WeightsAdam(const ModelWeights& weights, double weight_decay,
                         const AbsentBias& absent) {
  for (const ModelWeights::Entry& entry : weights.entries()) {
    if (!ModelWeights::IsLearned(entry.name) || absent(entry.name)) continue;
    learned_.push_back({entry.value, Adam(static_cast<size_t>(entry.value.numel()), weight_decay)});
  }
}

void WeightsAdam::Step(int64_t step, double learning_rate) {
  for (Learned& learned : learned_) {
    const at::Tensor gradient = learned.value.grad().contiguous();
    const size_t size = static_cast<size_t>(learned.value.numel());
    learned.adam.Step(step, learning_rate, absl::MakeConstSpan(gradient.data_ptr<float>(), size),
                      absl::MakeSpan(learned.value.data_ptr<float>(), size));
    learned.value.mutable_grad() = at::Tensor();
  }
}

}  // namespace rollout
