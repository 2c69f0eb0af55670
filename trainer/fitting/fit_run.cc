#include "trainer/fitting/fit_run.h"

#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
  if (!options.loss_file.empty()) {
    const absl::Status status = WriteLosses(options.loss_file, fitter.state().losses);
    if (!status.ok()) return status;
  }
  if (options.state_file.empty()) return absl::OkStatus();
  return WriteFitState(options.state_file, fitter.Save(), options.settings);
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
  absl::Time saved = clock.Now();
  while (!fitter.done()) {
    if (options.stop != nullptr && *options.stop) {
      if (absl::Status status = SaveAll(fitter, options); !status.ok()) return status;
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
  return SaveAll(fitter, options);
}

void RemoveFitState(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}

}  // namespace rollout
