// The models that trials publish, the queries that their clients ask, and the right answers.
#ifndef ROLLOUT_TESTS_TRIALS_TRIAL_MODEL_H_
#define ROLLOUT_TESTS_TRIALS_TRIAL_MODEL_H_

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "client/rollout_arguments.h"
#include "models/checkpoint/checkpoint.h"
#include "models/transition_model.h"

namespace rollout {

// Weights are random and follow from a seed, so that every process can compute what a version must
// answer: version v of a model has the weights of seed v.
//   "small": NODE_SO, 2 positions, 2 controls, 2 x 32 hidden, 4 substeps
//   "large": NODE_SO, 6 positions, 3 controls, 2 x 128 hidden, 8 substeps, as the shipped Hopper
//   "heavy": weights of some 17 MB, so that publishing takes a while
// INVALID_ARGUMENT for any other name.
absl::StatusOr<TransitionModelSpec> TrialSpec(const std::string& model);

CheckpointContent TrialContent(const TransitionModelSpec& spec, uint64_t seed);

struct QueryShape {
  int lanes = 4;
  int horizon = 20;
};

// One of kTrialQueries fixed questions of a shape; `arguments` refers to the rest.
inline constexpr int kTrialQueries = 8;
struct TrialQuery {
  std::vector<float> states, controls;
  RolloutArguments arguments;  // for the final state
};
std::vector<TrialQuery> MakeTrialQueries(const TransitionModelSpec& spec, const QueryShape& shape);

// 64 bits that tell numbers apart (FNV-1a of their bytes).
uint64_t Digest(absl::Span<const float> numbers);

// The digests of the final states that versions must answer, computed by the fused engine in this
// process: it gives the same bits in any batch and on any number of threads. One thread.
class RightAnswers {
 public:
  // `seed_of` tells the weights of a version.
  RightAnswers(
      TransitionModelSpec spec, const QueryShape& shape,
      std::function<uint64_t(uint64_t)> seed_of = [](uint64_t version) { return version; });

  absl::StatusOr<uint64_t> DigestOf(uint64_t version, int query);

 private:
  const TransitionModelSpec spec_;
  const std::vector<TrialQuery> queries_;
  const std::function<uint64_t(uint64_t)> seed_of_;
  std::map<uint64_t, std::vector<uint64_t>> digests_;  // by seed
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_TRIAL_MODEL_H_
