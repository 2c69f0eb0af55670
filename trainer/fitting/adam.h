// Adam and its learning rate.
#ifndef ROLLOUT_TRAINER_FITTING_ADAM_H_
#define ROLLOUT_TRAINER_FITTING_ADAM_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace rollout {

// Where weight decay acts.
enum class WeightDecay {
  kInGradient,  // L2 regularisation, as in Kingma and Ba's algorithm
  kDecoupled,   // parameters shrink by learning rate x decay (Loshchilov and Hutter, ICLR 2019)
};

// Adam with beta = (0.9, 0.999), epsilon = 1e-8.
// Kingma and Ba, Adam: A Method for Stochastic Optimization, ICLR 2015, algorithm 1. One owner.
class Adam {
 public:
  Adam(size_t size, double weight_decay, WeightDecay where = WeightDecay::kInGradient)
      : weight_decay_(weight_decay), where_(where), first_(size, 0.0f), second_(size, 0.0f) {}

  // Optimiser step `step` (counted from 0) at `learning_rate`.
  void Step(int64_t step, double learning_rate, absl::Span<const float> gradient,
            absl::Span<float> parameters);

  // The moments, to save and to resume from.
  std::vector<float>& first() { return first_; }
  std::vector<float>& second() { return second_; }
  const std::vector<float>& first() const { return first_; }
  const std::vector<float>& second() const { return second_; }

 private:
  double weight_decay_;
  WeightDecay where_;
  std::vector<float> first_;
  std::vector<float> second_;
};

// Half a cosine from `start` at step 0 to `end` at step `steps`.
double CosineLearningRate(double start, double end, int64_t step, int64_t steps);

// Scales `gradient` down to norm `limit` where it is above. Returns its norm before.
double ClipNorm(double limit, absl::Span<float> gradient);

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_ADAM_H_
