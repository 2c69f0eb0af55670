#ifndef ROLLOUT_SERVER_METRICS_REGISTRY_COLLECTOR_H_
#define ROLLOUT_SERVER_METRICS_REGISTRY_COLLECTOR_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

#include "server/registry/model_registry.h"

namespace rollout {

// Reads, at every scrape, what there is to say of each model and version: a series lives exactly as
// long as what it describes. Owned by the server, used by the exposer's threads; the registry
// outlives it.
class RegistryCollector final : public prometheus::Collectable {
 public:
  explicit RegistryCollector(const ModelRegistry* registry) : registry_(registry) {}

  std::vector<prometheus::MetricFamily> Collect() const override;

 private:
  const ModelRegistry* const registry_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_METRICS_REGISTRY_COLLECTOR_H_
