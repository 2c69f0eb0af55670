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

std::unique_ptr<Engine> FusedEngine(const TransitionModel& model) {
  EngineChoiceOptions options;
  options.engine = "fused";
  options.threads = 1;
  auto chosen = ChooseEngine(model, options, MakeEngineModuleFinder(""));
  if (!chosen.ok()) std::abort();
  return std::move(chosen->engine);
}

// A pixel model of 2 latent positions, which has no controls.
TransitionModelSpec PixelSpec() {
  SpecChoice choice;
  choice.kind = DynamicsKind::kPixelHnn;
  choice.num_positions = 2;
  choice.num_controls = 0;
  choice.hidden_sizes = {4};
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = "pixels";
  return spec;
}

// Computes in the place of PixelSpec's own dynamics, which only the torch engine has: what reads
// frames and what draws them sees states of the same size.
TransitionModelSpec LatentSpec() {
  SpecChoice choice;
  choice.num_positions = 2;
  choice.num_controls = 0;
  choice.hidden_sizes = {4};
  choice.substeps = 1;
  return MakeSpec(choice);
}

// Hands out one version of each of two models, whichever version is asked for.
class TwoModels final : public VersionSource {
 public:
  TwoModels() : states_(Serve(FuzzSpec(), FuzzSpec())), pixels_(Serve(PixelSpec(), LatentSpec())) {}

  absl::StatusOr<ServableHandle> Find(const std::string& model, const VersionChoice&) override {
    if (model == "model") return states_;
    if (model == "pixels") return pixels_;
    return absl::NotFoundError("no such model");
  }

 private:
  ServableHandle Serve(const TransitionModelSpec& served, const TransitionModelSpec& computed) {
    ServableParts parts;
    parts.version = 1;
    parts.engine = FusedEngine(RandomModel(computed, 1));
    parts.model = std::make_shared<TransitionModel>(RandomModel(served, 1));
    return std::make_shared<Servable>(std::move(parts), &clock_);
  }

  const SteadyClock clock_;
  const ServableHandle states_, pixels_;
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

VersionSource& ServedModels() {
  static auto* models = new TwoModels();
  return *models;
}

RequestLimits FuzzLimits() {
  RequestLimits limits;
  limits.max_lanes = 16;
  limits.max_horizon = 64;
  limits.max_frames = 32;
  limits.max_reply_bytes = 1 << 20;
  return limits;
}

void DecodeAndAnswer(const RolloutCodec& codec, const uint8_t* data, size_t size) {
  const grpc::Slice slice(data, size);
  const grpc::ByteBuffer bytes(&slice, 1);
  codec.NamesOf(bytes);
  RequestNames refused;
  absl::StatusOr<DecodedRollout> decoded =
      codec.Decode(bytes, &ServedModels(), FuzzLimits(), &refused);
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
