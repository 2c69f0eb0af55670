#ifndef ROLLOUT_TRAINER_FITTING_LOSS_NORM_H_
#define ROLLOUT_TRAINER_FITTING_LOSS_NORM_H_

namespace rollout {

// What a loss makes of an error.
enum class LossNorm {
  kL2,  // its square
  kL1,  // its absolute value, whose derivative at 0 counts as 0
};

inline const char* Name(LossNorm norm) { return norm == LossNorm::kL2 ? "L2" : "L1"; }

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_FITTING_LOSS_NORM_H_
