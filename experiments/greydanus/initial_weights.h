// How the code of Greydanus et al. (2019) begins a training, and how it steps.
#ifndef ROLLOUT_EXPERIMENTS_GREYDANUS_INITIAL_WEIGHTS_H_
#define ROLLOUT_EXPERIMENTS_GREYDANUS_INITIAL_WEIGHTS_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "models/dynamics/weights.h"
#include "models/transition_model.h"
#include "trainer/fitting/adam.h"
#include "trainer/fitting/fitter.h"

namespace rollout {

// Which biases a network does not have: they are zero and stay so.
using AbsentBias = std::function<bool(const std::string& name)>;

// Orthogonal weights of gain 1, biases uniform within 1/sqrt(inputs) (PyTorch's default), identity
// normalisers.
std::vector<NamedTensor> InitialWeights(const std::vector<TensorShape>& tensors,
                                        const AbsentBias& absent, Random& random);

// Adam on every learned tensor of a model. One owner.
class WeightsAdam {
 public:
  WeightsAdam(const ModelWeights& weights, double weight_decay, const AbsentBias& absent);

  // Optimiser step `step` with the gradients that the tensors hold, which are then dropped.
  void Step(int64_t step, double learning_rate);

  // Parameters and moments, one after the other, to go on from.
  FitState Save(int64_t step) const;
  // INVALID_ARGUMENT where the sizes are not those of these tensors, which stay as they are.
  absl::Status Restore(const FitState& state);

 private:
  struct Learned {
    at::Tensor value;
    Adam adam;
  };
  std::vector<Learned> learned_;
};

}  // namespace rollout

#endif  // ROLLOUT_EXPERIMENTS_GREYDANUS_INITIAL_WEIGHTS_H_
