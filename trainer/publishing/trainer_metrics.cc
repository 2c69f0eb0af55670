#include "trainer/publishing/trainer_metrics.h"

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/listen_failure.h"
#include "base/process_collector.h"

namespace rollout {
namespace {

prometheus::Gauge& AddGauge(prometheus::Registry& registry, const char* name, const char* help,
                            const std::string& model) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({{"model", model}});
}

}  // namespace

struct TrainerMetrics::Series {
  explicit Series(const std::string& model)
      : model(model),
        registry(std::make_shared<prometheus::Registry>()),
        episode_return(AddGauge(*registry, "rollout_trainer_episode_return",
                                "Return of the last episode collected", model)),
        loss(AddGauge(*registry, "rollout_trainer_loss", "Loss of the last optimiser step", model)),
        dataset_transitions(AddGauge(*registry, "rollout_trainer_dataset_transitions",
                                     "Transitions that the fit learns from and is judged by",
                                     model)),
        last_publish(AddGauge(*registry, "rollout_trainer_last_publish_timestamp_seconds",
                              "When a version was last published; 0 = not by this process", model)),
        updates(prometheus::BuildCounter()
                    .Name("rollout_trainer_updates_total")
                    .Help("Optimiser steps")
                    .Register(*registry)
                    .Add({{"model", model}})),
        publish(prometheus::BuildCounter()
                    .Name("rollout_trainer_publish_total")
                    .Help("Fitted versions by what became of them")
                    .Register(*registry)),
        error_ratio(prometheus::BuildGauge()
                        .Name("rollout_trainer_error_ratio")
                        .Help("Error of the version last fitted over the live one's, with the "
                              "bounds of its interval; published where the high one is below 1")
                        .Register(*registry)) {
    for (const char* result : {"published", "not_better", "failed"}) {
      publish.Add({{"model", model}, {"result", result}});
    }
  }

  const std::string model;
  std::shared_ptr<prometheus::Registry> registry;
  prometheus::Gauge& episode_return;
  prometheus::Gauge& loss;
  prometheus::Gauge& dataset_transitions;
  prometheus::Gauge& last_publish;
  prometheus::Counter& updates;
  prometheus::Family<prometheus::Counter>& publish;
  prometheus::Family<prometheus::Gauge>& error_ratio;
  const std::shared_ptr<ProcessCollector> process = std::make_shared<ProcessCollector>();
  std::unique_ptr<prometheus::Exposer> exposer;
};

TrainerMetrics::TrainerMetrics(std::unique_ptr<Series> series) : series_(std::move(series)) {}
TrainerMetrics::~TrainerMetrics() = default;

absl::StatusOr<std::unique_ptr<TrainerMetrics>> TrainerMetrics::Create(const std::string& listen,
                                                                       const std::string& model) {
  auto series = std::make_unique<Series>(model);
  if (!listen.empty()) {
    try {
      series->exposer = std::make_unique<prometheus::Exposer>(listen, 1);
      series->exposer->RegisterCollectable(series->registry);
      series->exposer->RegisterCollectable(series->process);
    } catch (const std::exception&) {
      return ListenFailure("metrics-listen", listen);
    }
  }
  return std::unique_ptr<TrainerMetrics>(new TrainerMetrics(std::move(series)));
}

void TrainerMetrics::SetEpisodeReturn(double value) { series_->episode_return.Set(value); }
void TrainerMetrics::SetLoss(double value) { series_->loss.Set(value); }
void TrainerMetrics::CountUpdate() { series_->updates.Increment(); }
void TrainerMetrics::SetDatasetTransitions(double value) {
  series_->dataset_transitions.Set(value);
}
void TrainerMetrics::CountPublish(const std::string& result) {
  series_->publish.Add({{"model", series_->model}, {"result", result}}).Increment();
}
void TrainerMetrics::SetLastPublish(absl::Time time) {
  series_->last_publish.Set(static_cast<double>(absl::ToUnixSeconds(time)));
}

void TrainerMetrics::SetErrorRatio(double estimate, double low, double high) {
  const auto set = [this](const char* bound, double value) {
    series_->error_ratio.Add({{"model", series_->model}, {"bound", bound}}).Set(value);
  };
  set("estimate", estimate);
  set("low", low);
  set("high", high);
}

std::string TrainerMetrics::Expose() const {
  return prometheus::TextSerializer().Serialize(series_->registry->Collect());
}

}  // namespace rollout
