#include "tests/fuzz/served_model.h"

#include <cstdlib>

#include "base/clock.h"
#include "server/batching/rollout_and_wait.h"
#include "server/registry/engine_choice.h"
#include "server/registry/version_source.h"
#include "server/services/rollout_answer.h"
#include "tests/server/test_repository.h"
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
    auto model = std::make_shared<TransitionModel>(RandomModel(TestRepository::Spec("model"), 1));
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

}  // namespace rollout
