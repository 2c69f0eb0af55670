// What is measured about one loaded version.
#ifndef ROLLOUT_SERVER_METRICS_VERSION_METRICS_H_
#define ROLLOUT_SERVER_METRICS_VERSION_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>

#include <cstdint>

#include "absl/time/time.h"
#include "server/batching/batcher.h"
#include "server/metrics/request_statistics.h"

namespace rollout {

// 50 us to 10 s by factors of 2, in seconds: the buckets of whole requests.
prometheus::Histogram::BucketBoundaries LatencyBuckets();

// The same from 3.125 us on: parts of a request may be that short.
prometheus::Histogram::BucketBoundaries PhaseBuckets();

// Histograms, counters and gauges of one version, owned by it: they go when it unloads. They stand
// in no prometheus::Family; RegistryCollector reads them at a scrape. Any thread.
class VersionMetrics final : public BatchObserver {
 public:
  VersionMetrics();

  void QueueChanged(int64_t waiting_lanes) override;
  void RolloutStarted(absl::Duration queued, int64_t lanes_under_way) override;
  void RolloutComputed(absl::Duration compute) override;
  void TransitionsComputed(int64_t transitions) override;
  void BatchComputed(int64_t lanes, absl::Duration compute) override;
  void Decoded(absl::Duration decode);
  void ReplyMade(absl::Duration reply);

  RequestStatistics& requests() { return requests_; }

  const prometheus::Histogram& decode_seconds() const { return decode_seconds_; }
  const prometheus::Histogram& queue_seconds() const { return queue_seconds_; }
  const prometheus::Histogram& compute_seconds() const { return compute_seconds_; }
  const prometheus::Histogram& reply_seconds() const { return reply_seconds_; }
  const prometheus::Histogram& batch_lanes() const { return batch_lanes_; }
  const prometheus::Gauge& queue_lanes() const { return queue_lanes_; }
  const prometheus::Counter& transitions() const { return transitions_; }

 private:
  prometheus::Histogram decode_seconds_;
  prometheus::Histogram queue_seconds_;
  prometheus::Histogram compute_seconds_;
  prometheus::Histogram reply_seconds_;
  prometheus::Histogram batch_lanes_;
  prometheus::Gauge queue_lanes_;
  prometheus::Counter transitions_;
  RequestStatistics requests_;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_METRICS_VERSION_METRICS_H_
