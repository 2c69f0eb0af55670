#ifndef ROLLOUT_BASE_PROCESS_COLLECTOR_H_
#define ROLLOUT_BASE_PROCESS_COLLECTOR_H_

#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>

#include <vector>

namespace rollout {

// The process_* series under the names that Prometheus' own clients use, read at every scrape.
// Owned by whoever exposes it; any thread.
class ProcessCollector final : public prometheus::Collectable {
 public:
  std::vector<prometheus::MetricFamily> Collect() const override;
};

}  // namespace rollout

#endif  // ROLLOUT_BASE_PROCESS_COLLECTOR_H_
