#include "server/recording/report_recorder.h"

#include <spdlog/spdlog.h>

#include <utility>
#include <vector>

#include "base/printable.h"

namespace rollout {
namespace {

int64_t BytesOf(const TransitionChunk& chunk) {
  return static_cast<int64_t>((chunk.states.size() + chunk.controls.size()) * sizeof(double) +
                              sizeof(chunk) + chunk.client.size() + chunk.episode.size());
}

// Whether two versions' reports may stand in one dataset.
bool SameDataset(const TransitionModelSpec& a, const TransitionModelSpec& b) {
  return a.control_low == b.control_low && a.control_high == b.control_high &&
         a.reward == b.reward && a.termination == b.termination && a.state_names == b.state_names &&
         a.control_names == b.control_names;
}

}  // namespace

ReportRecorder::ModelReports::ModelReports(std::shared_ptr<const TransitionModel> described,
                                           const ReportRecorderOptions& options)
    : version(std::move(described)),
      episodes(version->spec, options.episodes),
      datasets(version->spec, options.datasets) {}

ReportRecorder::ReportRecorder(const ReportRecorderOptions& options, const Clock* clock,
                               RecordingObserver* observer)
    : options_(options),
      clock_(clock),
      observer_(observer),
      queue_(options.queue_bytes),
      writer_([this] { Run(); }) {}

ReportRecorder::~ReportRecorder() { Close(); }

void ReportRecorder::Record(std::shared_ptr<const TransitionModel> model, TransitionChunk chunk) {
  const int64_t bytes = BytesOf(chunk);
  const int64_t transitions = chunk.num_transitions;
  const TransitionModel* const described = model.get();
  const std::string& name = described->spec.name;
  if (queue_.Push({model, std::move(chunk)}, bytes)) return;
  observer_->TransitionsNotRecorded(name, transitions, "queue_full");
}

void ReportRecorder::Close() {
  queue_.Close();
  if (writer_.joinable()) writer_.join();
}

void ReportRecorder::Run() {
  bool closed = false;
  while (!closed) {
    const std::vector<Report> reports = queue_.TakeAll(options_.look, &closed);
    for (const Report& report : reports) Write(report);
    for (auto& [name, model] : models_) Finish(model.get(), closed);
  }
}

ReportRecorder::ModelReports& ReportRecorder::Find(
    const std::shared_ptr<const TransitionModel>& version) {
  std::unique_ptr<ModelReports>& model = models_[version->spec.name];
  if (model != nullptr && !SameDataset(model->version->spec, version->spec)) {
    Finish(model.get(), true);
    model = nullptr;
  }
  if (model == nullptr) model = std::make_unique<ModelReports>(version, options_);
  return *model;
}

void ReportRecorder::Write(const Report& report) {
  ModelReports& model = Find(report.model);
  Append(&model, model.episodes.Add(report.chunk));
}

void ReportRecorder::Append(ModelReports* model, std::vector<Episode> episodes) {
  for (Episode& episode : episodes) {
    if (clock_->Now() < model->retry_at) {
      observer_->TransitionsNotRecorded(model->version->spec.name, episode.num_steps(), "disk");
      continue;
    }
    Tell(model, model->datasets.Append(std::move(episode), clock_->Now()));
  }
}

void ReportRecorder::Finish(ModelReports* model, bool always) {
  if (always) Append(model, model->episodes.CutAll());
  Tell(model, model->datasets.Finish(clock_->Now(), always));
}

void ReportRecorder::Tell(ModelReports* model, const absl::Status& status) {
  const std::string& name = model->version->spec.name;
  const int64_t placed = model->datasets.TakePlacedSteps();
  const int64_t lost = model->datasets.TakeLostSteps();
  if (placed > 0) observer_->TransitionsRecorded(name, placed);
  if (lost > 0) observer_->TransitionsNotRecorded(name, lost, "disk");
  if (!status.ok()) {
    model->retry_at = clock_->Now() + options_.retry;
    if (!model->failing) {
      spdlog::warn("event=reports_not_recorded model={} retry={} reason=\"{}\"", name,
                   absl::FormatDuration(options_.retry), ForQuotes(status.message()));
    }
    model->failing = true;
  } else if (placed > 0 && model->failing) {
    spdlog::info("event=reports_recorded_again model={}", name);
    model->failing = false;
  }
}

}  // namespace rollout
