// A small model of every kind, trained a few steps.
#ifndef ROLLOUT_TESTS_TRAINER_EVERY_KIND_TRAINED_KIND_H_
#define ROLLOUT_TESTS_TRAINER_EVERY_KIND_TRAINED_KIND_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "models/checkpoint/golden.h"
#include "models/transition_model.h"

namespace rollout {

struct KindCase {
  std::string name;  // of the model: letters, digits and underscores
  DynamicsKind kind = DynamicsKind::kNode;
  bool has_force = false;
  double symplectic_weight = 0.0;
};

// Every kind, HNN with and without force (SymODEN's variant), MECHANICS with and without the
// symplectic regulariser.
std::vector<KindCase> EveryKind();

struct TrainedKind {
  TransitionModel model;
  double first_loss = 0.0, last_loss = 0.0;  // on the same windows
  // Rollouts of `model` as it is in memory, by the torch engine in float32.
  GoldenSet rollouts;
};

absl::StatusOr<TrainedKind> Train(const KindCase& kind);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRAINER_EVERY_KIND_TRAINED_KIND_H_
