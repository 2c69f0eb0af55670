// A model repository on disk with small real checkpoints.
#ifndef ROLLOUT_TESTS_SERVER_TEST_REPOSITORY_H_
#define ROLLOUT_TESTS_SERVER_TEST_REPOSITORY_H_

#include <cstdint>
#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "models/transition_model.h"
#include "server/registry/servable.h"

namespace rollout {

class TestRepository {
 public:
  explicit TestRepository(std::filesystem::path path) : path_(std::move(path)) {}

  // NODE_SO, 2 positions, 2 controls, 2 x 8 hidden: computed in microseconds.
  static TransitionModelSpec Spec(const std::string& name);

  // Publishes random weights as the next version; failures end the test program.
  void Publish(const std::string& model, uint64_t seed) { Publish(Spec(model), seed); }
  void Publish(const TransitionModelSpec& spec, uint64_t seed);

  // A version whose golden trajectory is another model's.
  void PublishWithWrongGolden(const std::string& model);

  // Flips a bit of a version's weights.
  void Damage(const std::string& model, int64_t version);

  std::string path() const { return path_.string(); }

 private:
  const std::filesystem::path path_;
};

// Computes one lane of three transitions through the version's batcher; blocks.
absl::Status RolloutOnce(Servable& servable);

}  // namespace rollout

#endif  // ROLLOUT_TESTS_SERVER_TEST_REPOSITORY_H_
