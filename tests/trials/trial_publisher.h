// Publishes the models of a trial, whole ones and damaged ones.
#ifndef ROLLOUT_TESTS_TRIALS_TRIAL_PUBLISHER_H_
#define ROLLOUT_TESTS_TRIALS_TRIAL_PUBLISHER_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "models/transition_model.h"

namespace rollout {

// The only publisher of a model in a repository. One thread.
class TrialPublisher {
 public:
  TrialPublisher(std::string repository, TransitionModelSpec spec)
      : repository_(std::move(repository)), spec_(std::move(spec)) {}

  // The next version, with the weights of its own number as seed, as rollout-trainer publishes.
  absl::StatusOr<int64_t> Publish();

  // The next version, spoilt in one of kDamages ways: a flipped bit, weights cut off, weights
  // missing, NaN among weights whose digest is right.
  static constexpr int kDamages = 4;
  absl::StatusOr<int64_t> PublishDamaged(int kind);

  // Removes all but the newest `keep` versions.
  absl::Status Prune(int keep);

  // Somebody else has published versions up to this one.
  void SetLast(int64_t version) { last_ = version; }
  int64_t last() const { return last_; }
  const TransitionModelSpec& spec() const { return spec_; }
  const std::string& repository() const { return repository_; }

 private:
  const std::string repository_;
  const TransitionModelSpec spec_;
  int64_t last_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_TRIAL_PUBLISHER_H_
