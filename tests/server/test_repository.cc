#include "tests/server/test_repository.h"

#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "models/checkpoint/checkpoint.h"
#include "models/checkpoint/publish.h"
#include "tests/support/random_model.h"
#include "tests/support/temporary_directory.h"

namespace rollout {
namespace {

void PublishOrDie(const std::string& repository, const CheckpointContent& content) {
  const auto version = PublishCheckpoint(repository, content, RealClock());
  if (version.ok()) return;
  std::fprintf(stderr, "cannot publish: %s\n", version.status().ToString().c_str());
  std::abort();
}

}  // namespace

TransitionModelSpec TestRepository::Spec(const std::string& name) {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kConstantAcceleration;
  choice.num_positions = 2;
  choice.num_controls = 2;
  choice.hidden_sizes = {8, 8};
  choice.substeps = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = name;
  return spec;
}

void TestRepository::Publish(const TransitionModelSpec& spec, uint64_t seed) {
  CheckpointContent content;
  content.model = RandomModel(spec, seed);
  PublishOrDie(path(), content);
}

void TestRepository::PublishWithWrongGolden(const std::string& model) {
  CheckpointContent content;
  content.model = RandomModel(Spec(model), 1);
  GoldenSet golden;
  golden.lanes = 1;
  golden.horizon = 3;
  golden.initial_state = {0.1f, 0.2f, 0.3f, 0.4f};
  golden.controls.assign(golden.horizon * 2, 0.5f);
  for (int t = 0; t <= golden.horizon; ++t) {
    for (int d = 0; d < 4; ++d) golden.trajectory.push_back(0.1f * (d + 1) + 10.0f * t);
  }
  content.golden = golden;
  PublishOrDie(path(), content);
}

void TestRepository::Damage(const std::string& model, int64_t version) {
  const std::filesystem::path file =
      path_ / model / std::to_string(version) / "weights.safetensors";
  std::string bytes = ReadFile(file);
  bytes[bytes.size() - 1] ^= 1;
  WriteFile(file, bytes);
}

absl::Status RolloutOnce(Servable& servable) {
  const std::vector<float> state(servable.spec().state_size(), 0.1f);
  const std::vector<float> controls(3 * servable.spec().num_controls, 0.2f);
  std::vector<float> final_state(state.size());
  Mutex mutex;
  ConditionVariable finished;
  bool done = false;
  absl::Status result;
  RolloutTask task;
  task.job.lanes = 1;
  task.job.horizon = 3;
  task.job.initial_states = state;
  task.job.controls = controls;
  task.job.final_state = absl::MakeSpan(final_state);
  task.done = [&](const absl::Status& status) {
    MutexLock lock(&mutex);
    result = status;
    done = true;
    finished.NotifyAll();
  };
  if (absl::Status submitted = servable.batcher().Submit(&task); !submitted.ok()) return submitted;
  MutexLock lock(&mutex);
  while (!done) finished.Wait(&mutex);
  return result;
}

}  // namespace rollout
