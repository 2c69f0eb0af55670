#include "server/registry/engine_choice.h"

#include "absl/strings/str_cat.h"
#include "models/engines/engine_loader.h"
#include "models/engines/fused/fused_engine.h"

namespace rollout {
namespace {

absl::Status Prefixed(const std::string& name, const absl::Status& status) {
  return absl::Status(status.code(), absl::StrCat("engine ", name, ": ", status.message()));
}

absl::StatusOr<std::unique_ptr<Engine>> Create(const std::string& name,
                                               const TransitionModel& model,
                                               const EngineOptions& options,
                                               const EngineModuleFinder& find_module) {
  const absl::StatusOr<const EngineModule*> module = find_module(name);
  if (!module.ok()) return Prefixed(name, module.status());
  absl::StatusOr<std::unique_ptr<Engine>> engine = (*module)->create(model, options);
  if (!engine.ok()) return Prefixed(name, engine.status());
  return engine;
}

}  // namespace

EngineModuleFinder MakeEngineModuleFinder(const std::string& engine_dir) {
  return [engine_dir](const std::string& name) -> absl::StatusOr<const EngineModule*> {
    if (name == "fused") return &FusedCpuEngineModule();
    return LoadEngineModule(name, engine_dir);
  };
}

absl::StatusOr<ChosenEngine> ChooseEngine(const TransitionModel& model,
                                          const EngineChoiceOptions& options,
                                          const EngineModuleFinder& find_module) {
  EngineOptions engine_options;
  engine_options.device = options.device == "auto" ? "cpu" : options.device;
  engine_options.threads = options.threads;

  ChosenEngine chosen;
  if (options.engine != "auto") {
    auto engine = Create(options.engine, model, engine_options, find_module);
    if (!engine.ok()) return engine.status();
    chosen.engine = *std::move(engine);
    return chosen;
  }
  auto fused = Create("fused", model, engine_options, find_module);
  if (fused.ok()) {
    chosen.engine = *std::move(fused);
    return chosen;
  }
  auto torch = Create("torch", model, engine_options, find_module);
  if (!torch.ok()) {
    return absl::Status(torch.status().code(),
                        absl::StrCat("no engine takes this model: ", fused.status().message(), "; ",
                                     torch.status().message()));
  }
  chosen.engine = *std::move(torch);
  chosen.fallback_reason = std::string(fused.status().message());
  return chosen;
}

}  // namespace rollout
