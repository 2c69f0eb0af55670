#include "trainer/fitting/fit_run.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/sha256.h"
#include "spdlog/spdlog.h"

namespace rollout {
namespace {

absl::Status WriteLosses(const std::string& path, const std::vector<double>& losses) {
  std::ofstream file(path, std::ios::trunc);
  file << "step,loss\n";
  for (size_t i = 0; i < losses.size(); ++i) {
    file << absl::StrFormat("%d,%.9g\n", (i + 1) * Fitter::kLossInterval, losses[i]);
  }
  file.close();
  if (file.fail()) return absl::UnavailableError(absl::StrCat("cannot write losses to ", path));
  return absl::OkStatus();
}

absl::Status SaveAll(const Fitter& fitter, const FitRunOptions& options) {
  if (options.group != nullptr && options.group->process() != 0) return absl::OkStatus();
  if (!options.loss_file.empty()) {
    const absl::Status status = WriteLosses(options.loss_file, fitter.state().losses);
    if (!status.ok()) return status;
  }
  if (options.state_file.empty()) return absl::OkStatus();
  return WriteFitState(options.state_file, fitter.Save(), options.settings);
}

// That every process of the group begins with the same settings, weights and step.
absl::Status AgreeOnStart(const Fitter& fitter, const FitRunOptions& options) {
  for (const auto& [name, value] : options.settings) {
    const absl::Status status = options.group->Agree(name, value);
    if (!status.ok()) return status;
  }
  const std::vector<float>& parameters = fitter.state().parameters;
  const absl::string_view bytes(reinterpret_cast<const char*>(parameters.data()),
                                parameters.size() * sizeof(float));
  return options.group->Agree("the state that they start from",
                              absl::StrCat("step ", fitter.step(), ", ", Sha256Hex(bytes)));
}

// Saves, and leaves the group together with the others.
absl::Status End(const Fitter& fitter, const FitRunOptions& options) {
  if (absl::Status status = SaveAll(fitter, options); !status.ok()) return status;
  return options.group == nullptr ? absl::OkStatus() : options.group->Finish();
}

}  // namespace

absl::Status RunFit(Fitter& fitter, const FitRunOptions& options, const Clock& clock,
                    const FitObserver& observe) {
  if (!options.state_file.empty() && !options.restart) {
    const auto state = ReadFitState(options.state_file, options.settings);
    if (state.ok()) {
      if (absl::Status status = fitter.Restore(*state); !status.ok()) return status;
      spdlog::info("resumed the fit of {} at step {} of {}", options.state_file, fitter.step(),
                   fitter.total_steps());
    } else if (!absl::IsNotFound(state.status())) {
      return state.status();
    }
  }
  if (options.group != nullptr) {
    if (absl::Status status = AgreeOnStart(fitter, options); !status.ok()) return status;
  }
  absl::Time saved = clock.Now();
  while (!fitter.done()) {
    if (options.stop != nullptr && *options.stop) fitter.RequestStop();
    if (fitter.stopped()) {
      if (absl::Status status = End(fitter, options); !status.ok()) return status;
      return absl::CancelledError(
          absl::StrCat("interrupted at step ", fitter.step(), " of ", fitter.total_steps(),
                       options.state_file.empty() ? "" : "; the same command goes on from there"));
    }
    if (absl::Status status = fitter.Step(); !status.ok()) return status;
    if (observe) observe(fitter);
    if (clock.Now() - saved >= options.save_every) {
      if (absl::Status status = SaveAll(fitter, options); !status.ok()) return status;
      saved = clock.Now();
    }
  }
  return End(fitter, options);
}

void RemoveFitState(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace rollout
