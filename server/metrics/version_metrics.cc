#include "server/metrics/version_metrics.h"

namespace rollout {
namespace {

prometheus::Histogram::BucketBoundaries LaneBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double lanes = 1; lanes <= 65536; lanes *= 2) buckets.push_back(lanes);
  return buckets;
}

}  // namespace

prometheus::Histogram::BucketBoundaries LatencyBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double seconds = 50e-6; seconds < 10.0; seconds *= 2) buckets.push_back(seconds);
  buckets.push_back(10.0);
  return buckets;
}

prometheus::Histogram::BucketBoundaries PhaseBuckets() {
  prometheus::Histogram::BucketBoundaries buckets;
  for (double seconds = 3.125e-6; seconds < 40e-6; seconds *= 2) buckets.push_back(seconds);
  const prometheus::Histogram::BucketBoundaries longer = LatencyBuckets();
  buckets.insert(buckets.end(), longer.begin(), longer.end());
  return buckets;
}

VersionMetrics::VersionMetrics()
    : decode_seconds_(PhaseBuckets()),
      queue_seconds_(PhaseBuckets()),
      compute_seconds_(PhaseBuckets()),
      reply_seconds_(PhaseBuckets()),
      batch_lanes_(LaneBuckets()) {}

void VersionMetrics::QueueChanged(int64_t waiting_lanes) {
  queue_lanes_.Set(static_cast<double>(waiting_lanes));
}

void VersionMetrics::RolloutStarted(absl::Duration queued, int64_t lanes_under_way) {
  queue_seconds_.Observe(absl::ToDoubleSeconds(queued));
  batch_lanes_.Observe(static_cast<double>(lanes_under_way));
}

void VersionMetrics::TransitionsComputed(int64_t transitions) {
  transitions_.Increment(static_cast<double>(transitions));
}

void VersionMetrics::RolloutComputed(absl::Duration compute) {
  compute_seconds_.Observe(absl::ToDoubleSeconds(compute));
}

void VersionMetrics::BatchComputed(int64_t lanes, absl::Duration compute) {
  requests_.BatchComputed(lanes, compute);
}

void VersionMetrics::Decoded(absl::Duration decode) {
  decode_seconds_.Observe(absl::ToDoubleSeconds(decode));
}

void VersionMetrics::ReplyMade(absl::Duration reply) {
  reply_seconds_.Observe(absl::ToDoubleSeconds(reply));
}

}  // namespace rollout
