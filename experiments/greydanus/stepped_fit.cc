#include "experiments/greydanus/stepped_fit.h"

#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "spdlog/spdlog.h"
#include "trainer/fitting/fit_state_file.h"

namespace rollout {
namespace {

std::string StateFile(const RunContext& context) { return context.partial + ".state"; }

}  // namespace

absl::Status StepToEnd(SteppedFit& fit, int64_t steps, const RunContext& context,
                       PartialRecord* partial, const std::function<absl::Status()>& at_half,
                       absl::Duration save_every) {
  RunRecord& record = partial->record();
  FitSettings settings = record.settings;
  settings["seed"] = absl::StrCat(record.seed);
  const std::string file = StateFile(context);
  const auto saved_state = ReadFitState(file, settings);
  if (saved_state.ok()) {
    if (absl::Status status = fit.Restore(*saved_state); !status.ok()) return status;
    spdlog::info("resumed {} at step {} of {}", file, fit.step(), steps);
  } else if (!absl::IsNotFound(saved_state.status())) {
    return saved_state.status();
  }
  // The record first: a state after half of the steps has the figures that belong to it.
  const auto save = [&] {
    partial->Write();
    return WriteFitState(file, fit.Save(), settings);
  };
  const SteadyClock clock;
  absl::Time saved = clock.Now();
  while (fit.step() < steps) {
    if (context.stop) {
      if (absl::Status status = save(); !status.ok()) return status;
      return absl::CancelledError(absl::StrCat("stopped at step ", fit.step(), " of ", steps));
    }
    if (const absl::Status status = fit.Step(); !status.ok()) {
      record.outcome = absl::StrCat("diverged: ", status.message());
      break;
    }
    if (fit.step() == steps / 2) {
      if (absl::Status status = at_half(); !status.ok()) return status;
    }
    if (clock.Now() - saved >= save_every) {
      if (absl::Status status = save(); !status.ok()) return status;
      saved = clock.Now();
    }
  }
  if (record.outcome != "finished") {
    std::error_code ignored;
    std::filesystem::remove(file, ignored);
    return absl::OkStatus();
  }
  return save();
}

RunRecord FinishSteps(const RunContext& context, PartialRecord* partial) {
  std::error_code ignored;  // a diverged fit has none, and the record is what counts
  std::filesystem::rename(StateFile(context), context.partial + ".trained", ignored);
  return partial->Finish();
}

}  // namespace rollout
