#include "server/metrics/registry_collector.h"

#include <prometheus/client_metric.h>

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
  families->Add("rollout_queue_capacity_lanes", "Lanes that may wait for a version.",
                MetricType::Gauge,
                GaugeValue(static_cast<double>(servable.batcher().limits().queue_lanes)), version);

  const VersionMetrics& metrics = servable.metrics();
  families->Add("rollout_queue_lanes", "Lanes that wait for a version.", MetricType::Gauge,
                metrics.queue_lanes().Collect(), version);
  families->Add("rollout_batch_lanes", "Lanes computed in one call of the engine.",
                MetricType::Histogram, metrics.batch_lanes().Collect(), version);
  families->Add("rollout_transitions_total", "Transitions computed, summed over lanes.",
                MetricType::Counter, metrics.transitions().Collect(), version);
  const char* const phases = "rollout_phase_duration_seconds";
  const char* const help =
      "Parts of a rollout request: waiting, the batch's computation, making the reply.";
  families->Add(phases, help, MetricType::Histogram, metrics.queue_seconds().Collect(),
                With(version, {{"phase", "queue"}}));
  families->Add(phases, help, MetricType::Histogram, metrics.compute_seconds().Collect(),
                With(version, {{"phase", "compute"}}));
  families->Add(phases, help, MetricType::Histogram, metrics.reply_seconds().Collect(),
                With(version, {{"phase", "reply"}}));
}

}  // namespace

std::vector<MetricFamily> RegistryCollector::Collect() const {
  Families families;
  for (const ModelStatus& model : registry_->Describe()) {
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
