#include "tests/fuzz/served_model.h"

#include <cstdlib>
#include <utility>

#include "base/clock.h"
#include "base/mutex.h"
#include "server/batching/rollout_and_wait.h"
#include "server/registry/engine_choice.h"
#include "server/registry/version_source.h"
#include "server/services/rollout_answer.h"
#include "tests/support/random_model.h"

namespace rollout {
namespace {

// Hands out one version, whichever is asked for by the name "model".
class OneModel final : public VersionSource {
 public:
  OneModel() {
    EngineChoiceOptions options;
    options.engine = "fused";
    options.threads = 1;
    auto model = std::make_shared<TransitionModel>(RandomModel(FuzzSpec(), 1));
    auto chosen = ChooseEngine(*model, options, MakeEngineModuleFinder(""));
    if (!chosen.ok()) std::abort();
    ServableParts parts;
    parts.version = 1;
    parts.engine = std::move(chosen->engine);
    parts.model = std::move(model);
    servable_ = std::make_shared<Servable>(std::move(parts), &clock_);
  }

  absl::StatusOr<ServableHandle> Find(const std::string& model, const VersionChoice&) override {
    if (model != "model") return absl::NotFoundError("no such model");
    return servable_;
  }

 private:
  const SteadyClock clock_;
  ServableHandle servable_;
};

}  // namespace

TransitionModelSpec FuzzSpec() {
  SpecChoice choice;
  choice.method = IntegratorMethod::kConstantAcceleration;
  choice.num_positions = 2;
  choice.num_controls = 1;
  choice.angular_positions = {1};
  choice.hidden_sizes = {4};
  choice.ensemble_size = 2;
  choice.substeps = 2;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.control_low = {-1.0f};
  spec.control_high = {1.0f};
  spec.reward = spec.termination = "inverted_pendulum_v5";
  spec.data_low.assign(4, -0.25f);
  spec.data_high.assign(4, 0.25f);
  if (!ValidateSpec(spec).ok()) std::abort();
  return spec;
}

VersionSource& ServedModel() {
  static auto* model = new OneModel();
  return *model;
}

RequestLimits FuzzLimits() {
  RequestLimits limits;
  limits.max_lanes = 16;
  limits.max_horizon = 64;
  limits.max_reply_bytes = 1 << 20;
  return limits;
}

void DecodeAndAnswer(const RolloutCodec& codec, const uint8_t* data, size_t size) {
  const grpc::Slice slice(data, size);
  const grpc::ByteBuffer bytes(&slice, 1);
  codec.IdOf(bytes);
  absl::StatusOr<DecodedRollout> decoded = codec.Decode(bytes, &ServedModel(), FuzzLimits());
  if (!decoded.ok()) {
    if (decoded.status().message().empty()) std::abort();
    return;
  }
  RolloutAnswer answer(decoded->query, decoded->servable->spec());
  const RolloutJob job = answer.JobFor(decoded->query);
  if (!RolloutAndWait({&job, 1}, &decoded->servable->batcher()).ok()) std::abort();
  if (codec.Encode(*decoded, &answer).Length() > static_cast<size_t>(2 << 20)) std::abort();
}

void AnswerAlone(absl::StatusOr<std::unique_ptr<AloneWork>> made) {
  if (!made.ok()) {
    if (made.status().message().empty()) std::abort();
    return;
  }
  AloneWork& work = **made;
  Mutex mutex;
  ConditionVariable finished;
  bool done = false;
  absl::Status result;
  RolloutTask task;
  task.job.lanes = work.lanes();
  task.job.horizon = work.horizon();
  task.bytes = work.num_bytes();
  task.alone = [&](Engine& engine) { return work.Compute(engine, task.cancelled); };
  task.done = [&](const absl::Status& status) {
    MutexLock lock(&mutex);
    result = status;
    done = true;
    finished.NotifyAll();
  };
  if (!work.servable().batcher().Submit(&task).ok()) std::abort();
  {
    MutexLock lock(&mutex);
    while (!done) finished.Wait(&mutex);
  }
  if (!result.ok()) std::abort();
  work.WriteReply();
}

}  // namespace rollout
