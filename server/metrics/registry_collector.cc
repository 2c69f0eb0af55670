#include "server/metrics/registry_collector.h"

#include <prometheus/client_metric.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

ClientMetric GaugeValue(double value) {
  ClientMetric metric;
  metric.gauge.value = value;
  return metric;
}

// The families of one scrape, in the order of their first use.
class Families {
 public:
  void Add(const char* name, const char* help, MetricType type, ClientMetric metric,
           Labels labels) {
    metric.label = std::move(labels);
    for (MetricFamily& family : families_) {
      if (family.name == name) return family.metric.push_back(std::move(metric));
    }
    MetricFamily family;
    family.name = name;
    family.help = help;
    family.type = type;
    family.metric.push_back(std::move(metric));
    families_.push_back(std::move(family));
  }

  std::vector<MetricFamily> Take() && { return std::move(families_); }

 private:
  std::vector<MetricFamily> families_;
};

Labels With(Labels labels, std::initializer_list<std::pair<const char*, std::string>> more) {
  for (const auto& [name, value] : more) labels.push_back({name, value});
  return labels;
}

ClientMetric CounterValue(double value) {
  ClientMetric metric;
  metric.counter.value = value;
  return metric;
}

void AddPredictionError(const PredictionErrorReport& report, const Labels& version,
                        Families* families) {
  for (const PredictionErrorReport::Horizon& entry : report.horizons) {
    const Labels horizon = With(version, {{"horizon", absl::StrCat(entry.horizon)}});
    const HorizonErrors::Totals& totals = entry.totals;
    families->Add("rollout_prediction_squared_error_total",
                  "Sum over windows of the mean squared normalised error at this horizon.",
                  MetricType::Counter, CounterValue(totals.squared_error), horizon);
    families->Add("rollout_prediction_baseline_squared_error_total",
                  "The same for the prediction that nothing changes.", MetricType::Counter,
                  CounterValue(totals.baseline_squared_error), horizon);
    const char* const windows = "rollout_prediction_windows_total";
    const char* const help = "Windows of reported transitions that were predicted.";
    families->Add(windows, help, MetricType::Counter,
                  CounterValue(static_cast<double>(totals.finite_windows)),
                  With(horizon, {{"finite", "true"}}));
    families->Add(windows, help, MetricType::Counter,
                  CounterValue(static_cast<double>(totals.non_finite_windows)),
                  With(horizon, {{"finite", "false"}}));
    // No series says "nothing is known" better than a NaN.
    if (!std::isnan(entry.recent.rmse)) {
      families->Add("rollout_prediction_error",
                    "Normalised RMSE of open-loop prediction over the recent windows.",
                    MetricType::Gauge, GaugeValue(entry.recent.rmse), horizon);
    }
    if (!std::isnan(entry.recent.skill)) {
      families->Add("rollout_prediction_skill",
                    "1 - squared error / that of the prediction that nothing changes, recent.",
                    MetricType::Gauge, GaugeValue(entry.recent.skill), horizon);
    }
    if (!std::isnan(entry.recent.diverged_ratio)) {
      families->Add("rollout_prediction_diverged_ratio",
                    "Part of the recent windows whose prediction is not finite.", MetricType::Gauge,
                    GaugeValue(entry.recent.diverged_ratio), horizon);
    }
  }
  families->Add("rollout_prediction_windows_left_out_total",
                "Windows not predicted because reports came faster than the engine computes.",
                MetricType::Counter, CounterValue(static_cast<double>(report.windows_left_out)),
                version);
  families->Add("rollout_prediction_windows_failed_total",
                "Windows not predicted because the engine refused.", MetricType::Counter,
                CounterValue(static_cast<double>(report.windows_failed)), version);
}

void AddServable(Servable& servable, const Labels& version, Families* families) {
  const EngineInfo& engine = servable.engine_info();
  families->Add("rollout_model_info", "What computes a loaded version.", MetricType::Gauge,
                GaugeValue(1),
                With(version, {{"kind", Name(servable.spec().dynamics.kind)},
                               {"engine", engine.engine},
                               {"device", engine.device},
                               {"fallback_reason", servable.fallback_reason()}}));
  families->Add("rollout_model_published_timestamp_seconds",
                "When a loaded version was published, in seconds since 1970.", MetricType::Gauge,
                GaugeValue(absl::ToDoubleSeconds(servable.published() - absl::UnixEpoch())),
                version);
  if (servable.energy_drift()) {
    families->Add("rollout_energy_drift",
                  "Largest drift of a Hamiltonian model's own energy along its golden rollouts, in "
                  "standard deviations of the energy over their starts.",
                  MetricType::Gauge, GaugeValue(*servable.energy_drift()), version);
  }
  families->Add("rollout_queue_capacity_lanes", "Lanes that may wait for a version.",
                MetricType::Gauge,
                GaugeValue(static_cast<double>(servable.batcher().limits().queue_lanes)), version);

  const VersionMetrics& metrics = servable.metrics();
  families->Add("rollout_queue_lanes", "Lanes that wait for a version.", MetricType::Gauge,
                metrics.queue_lanes().Collect(), version);
  families->Add("rollout_batch_lanes", "Lanes under way together when a request starts.",
                MetricType::Histogram, metrics.batch_lanes().Collect(), version);
  families->Add("rollout_transitions_total", "Transitions computed, summed over lanes.",
                MetricType::Counter, metrics.transitions().Collect(), version);
  families->Add("rollout_engine_transitions_total",
                "Transitions of the engine's threads, each once for all lanes it advanced.",
                MetricType::Counter,
                CounterValue(static_cast<double>(servable.batcher().engine_transitions())),
                version);
  const char* const phases = "rollout_phase_duration_seconds";
  const char* const help =
      "Parts of a rollout request: reading it, waiting, computing, making the reply.";
  families->Add(phases, help, MetricType::Histogram, metrics.decode_seconds().Collect(),
                With(version, {{"phase", "decode"}}));
  families->Add(phases, help, MetricType::Histogram, metrics.queue_seconds().Collect(),
                With(version, {{"phase", "queue"}}));
  families->Add(phases, help, MetricType::Histogram, metrics.compute_seconds().Collect(),
                With(version, {{"phase", "compute"}}));
  families->Add(phases, help, MetricType::Histogram, metrics.reply_seconds().Collect(),
                With(version, {{"phase", "reply"}}));
  AddPredictionError(servable.prediction_error().Snapshot(), version, families);
}

// Which version answers under which name.
void AddNames(const ModelStatus& model, Families* families) {
  const auto add = [&](const char* name, const char* help, int64_t version, Labels more) {
    more.push_back({"model", model.name});
    more.push_back({"version", absl::StrCat(version)});
    families->Add(name, help, MetricType::Gauge, GaugeValue(1), std::move(more));
  };
  if (model.serving_version != 0) {
    add("rollout_model_serving", "1 for the version that answers requests naming none.",
        model.serving_version, {});
  }
  for (const auto& [label, version] : model.overrides.labels) {
    const auto carries = [version = version](const VersionStatus& status) {
      return status.version == version && status.state == VersionState::kReady;
    };
    if (std::none_of(model.versions.begin(), model.versions.end(), carries)) continue;
    add("rollout_model_label", "1 for the version that a label stands for.", version,
        {{"label", label}});
  }
}

}  // namespace

std::vector<MetricFamily> RegistryCollector::Collect() const {
  Families families;
  for (const ModelStatus& model : registry_->Describe()) {
    AddNames(model, &families);
    for (const VersionStatus& status : model.versions) {
      const Labels version = {{"model", model.name}, {"version", absl::StrCat(status.version)}};
      families.Add("rollout_model_state", "The state of a version; 1 where it is in it.",
                   MetricType::Gauge, GaugeValue(1),
                   With(version, {{"state", Name(status.state)}}));
      if (status.servable != nullptr) AddServable(*status.servable, version, &families);
    }
  }
  return std::move(families).Take();
}

}  // namespace rollout
