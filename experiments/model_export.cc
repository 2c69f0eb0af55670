#include "experiments/model_export.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "experiments/nearest_names.h"
#include "experiments/runner.h"
#include "models/checkpoint/publish.h"
#include "trainer/publishing/golden_choice.h"

namespace rollout {
namespace {

absl::StatusOr<RunRecord> FindRecord(const std::vector<RunRecord>& records,
                                     const std::string& key) {
  std::vector<std::string> keys;
  for (const RunRecord& record : records) {
    if (record.key == key) return record;
    keys.push_back(record.key);
  }
  return absl::NotFoundError(UnknownName("run", key, keys));
}

absl::StatusOr<TrainedModel> ReadModel(const Experiment& experiment, const RunRecord& record,
                                       const std::string& trained) {
  const auto scale = ParseScale(record.settings.at("scale"));
  if (!scale.ok()) return scale.status();
  for (const PlannedRun& run : experiment.Plan(*scale, static_cast<int>(record.seed) + 1)) {
    if (run.key != record.key) continue;
    if (run.read_model != nullptr) return run.read_model(trained);
    return absl::UnimplementedError(
        absl::StrCat("models of ", experiment.name(), " cannot be exported"));
  }
  return absl::NotFoundError(
      absl::StrCat("the run ", record.key, " is no longer part of ", experiment.name()));
}

std::string Card(const Experiment& experiment, const RunRecord& record,
                 const TransitionModelSpec& spec) {
  std::string card = absl::StrFormat(
      "# %s\n\n%s, %s with %d substep%s, dt = %g s, for %s.\n\n%s: run `%s`, %g s of wall time.\n\n"
      "    rollout-experiments run %s --scale %s --seeds %d\n\n",
      spec.name, Name(spec.dynamics.kind), Name(spec.integrator.method), spec.integrator.substeps,
      spec.integrator.substeps == 1 ? "" : "s", spec.transition_dt, record.settings.at("system"),
      experiment.title(), record.key, record.seconds, experiment.name(),
      record.settings.at("scale"), record.seed + 1);
  absl::StrAppend(&card, "## Settings\n\n| | |\n|---|---|\n");
  for (const auto& [name, value] : record.settings) {
    absl::StrAppend(&card, "| ", name, " | ", value, " |\n");
  }
  absl::StrAppend(&card, "| seed | ", record.seed, " |\n\n## Metrics\n\n| | |\n|---|---|\n");
  for (const auto& [name, value] : record.metrics) {
    absl::StrAppend(&card, "| ", name, " | ", value, " |\n");
  }
  return card;
}

}  // namespace

std::string DefaultModelName(const RunRecord& record) {
  std::string name;
  for (const char c :
       absl::StrCat(record.settings.at("system"), "-", record.settings.at("model"))) {
    if (absl::ascii_isalnum(c)) {
      name += absl::ascii_tolower(c);
    } else if (!name.empty() && name.back() != '-') {
      name += '-';
    }
  }
  return name;
}

absl::StatusOr<int64_t> ExportModel(const Experiment& experiment,
                                    const std::vector<RunRecord>& records,
                                    const ModelExport& request, const Clock& clock) {
  const auto record = FindRecord(records, request.run);
  if (!record.ok()) return record.status();
  if (record->outcome != "finished") {
    return absl::FailedPreconditionError(
        absl::StrCat("the run ", record->key, " ", record->outcome));
  }
  auto trained =
      ReadModel(experiment, *record, PartialFiles(request.partial, record->key) + ".trained");
  if (!trained.ok()) return trained.status();
  TransitionModelSpec& spec = trained->model.spec;
  spec.name = request.name.empty() ? DefaultModelName(*record) : request.name;
  if (absl::Status status = ValidateSpec(spec); !status.ok()) return status;
  auto golden = ChooseGolden(trained->model, trained->data, GoldenOptions{});
  if (!golden.ok()) return golden.status();
  CheckpointContent content;
  content.golden = *std::move(golden);
  content.card = Card(experiment, *record, spec);
  content.model = std::move(trained->model);
  std::error_code error;
  std::filesystem::create_directories(request.repository, error);
  if (error) {
    return absl::UnavailableError(
        absl::StrCat("cannot create the folder ", request.repository, ": ", error.message()));
  }
  return PublishCheckpoint(request.repository, content, clock);
}

}  // namespace rollout
