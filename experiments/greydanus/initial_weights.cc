#include "experiments/greydanus/initial_weights.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
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

FitState WeightsAdam::Save(int64_t step) const {
  FitState state;
  state.step = step;
  for (const Learned& learned : learned_) {
    const float* values = learned.value.data_ptr<float>();
    state.parameters.insert(state.parameters.end(), values, values + learned.value.numel());
    const std::vector<float>& first = learned.adam.first();
    const std::vector<float>& second = learned.adam.second();
    state.first_moment.insert(state.first_moment.end(), first.begin(), first.end());
    state.second_moment.insert(state.second_moment.end(), second.begin(), second.end());
  }
  return state;
}

absl::Status WeightsAdam::Restore(const FitState& state) {
  size_t size = 0;
  for (const Learned& learned : learned_) size += static_cast<size_t>(learned.value.numel());
  for (const std::vector<float>* values :
       {&state.parameters, &state.first_moment, &state.second_moment}) {
    if (values->size() == size) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("the saved fit has ", values->size(), " parameters, this one ", size));
  }
  size_t offset = 0;
  for (Learned& learned : learned_) {
    const size_t count = static_cast<size_t>(learned.value.numel());
    std::copy_n(state.parameters.begin() + offset, count, learned.value.data_ptr<float>());
    std::copy_n(state.first_moment.begin() + offset, count, learned.adam.first().begin());
    std::copy_n(state.second_moment.begin() + offset, count, learned.adam.second().begin());
    offset += count;
  }
  return absl::OkStatus();
}

}  // namespace rollout
