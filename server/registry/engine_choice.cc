#include "server/registry/engine_choice.h"

#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "models/engines/device_fault.h"
#include "models/engines/engine_loader.h"
#include "models/engines/fused/fused_engine.h"

namespace rollout {
namespace {

constexpr char kFirstGpu[] = "cuda:0";

// `status` with another message; what it remembers of a device's fault stays.
absl::Status WithMessage(const absl::Status& status, const std::string& message) {
  absl::Status changed(status.code(), message);
  status.ForEachPayload([&](absl::string_view type, const absl::Cord& payload) {
    changed.SetPayload(type, payload);
  });
  return changed;
}

absl::Status Prefixed(const std::string& name, const absl::Status& status) {
  return WithMessage(status, absl::StrCat("engine ", name, ": ", status.message()));
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
  const bool any_device = options.device == "auto";
  const auto create = [&](const std::string& name, const std::string& device) {
    return Create(
        name, model,
        {.device = device, .threads = options.threads, .deterministic = options.deterministic},
        find_module);
  };
  ChosenEngine chosen;
  // Why not what would have been better, the first reason first.
  std::vector<absl::Status> refusals;
  const auto try_engine = [&](const std::string& name, const std::string& device) {
    auto engine = create(name, device);
    if (engine.ok()) {
      chosen.engine = *std::move(engine);
    } else {
      refusals.push_back(engine.status());
    }
    return chosen.engine != nullptr;
  };

  bool found = false;
  if (options.engine != "torch" && (any_device || options.device != "cpu")) {
    found = try_engine("cuda", any_device ? kFirstGpu : options.device);
    // Without the module nobody expects a GPU to be used.
    if (!found && any_device && absl::IsNotFound(refusals.back())) refusals.clear();
  }
  const std::string fallback_device = any_device ? "cpu" : options.device;
  if (!found && options.engine != "torch" && fallback_device == "cpu") {
    found = try_engine("fused", "cpu");
  }
  if (!found && options.engine != "fused") found = try_engine("torch", fallback_device);
  if (found) {
    if (!refusals.empty()) chosen.fallback_reason = std::string(refusals.front().message());
    return chosen;
  }
  // A device's fault is no fault of the model's: it counts most, since it may pass.
  absl::Status worst = refusals.back();
  std::vector<std::string> reasons;
  for (const absl::Status& refusal : refusals) {
    reasons.emplace_back(refusal.message());
    if (DeviceFaultOf(refusal)) worst = refusal;
  }
  if (reasons.size() == 1) return worst;
  return WithMessage(worst,
                     absl::StrCat("no engine takes this model: ", absl::StrJoin(reasons, "; ")));
}

}  // namespace rollout
