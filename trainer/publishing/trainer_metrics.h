// What the trainer tells Prometheus.
#ifndef ROLLOUT_TRAINER_PUBLISHING_TRAINER_METRICS_H_
#define ROLLOUT_TRAINER_PUBLISHING_TRAINER_METRICS_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace rollout {

// The series rollout_trainer_*, all labelled with the model's name. Owned by the command; any
// thread.
class TrainerMetrics {
 public:
  // Serves them at http://<listen>/metrics ("127.0.0.1:8003"). An empty address serves nothing.
  // UNAVAILABLE, naming the address, where it cannot be bound.
  static absl::StatusOr<std::unique_ptr<TrainerMetrics>> Create(const std::string& listen,
                                                                const std::string& model);
  ~TrainerMetrics();

  void SetEpisodeReturn(double value);  // of the last episode collected
  void SetLoss(double value);           // of the last optimiser step
  void CountUpdate();                   // one optimiser step
  void SetDatasetTransitions(double value);
  void CountPublish(const std::string& result);  // "published", "not_better", "failed"
  void SetLastPublish(absl::Time time);
  // Errors of the version last fitted over those of the live one (geometric mean over horizons),
  // with the bounds of its bootstrap interval: published where `high` is below 1.
  void SetErrorRatio(double estimate, double low, double high);

  // The text that a scrape gets.
  std::string Expose() const;

 private:
  struct Series;
  explicit TrainerMetrics(std::unique_ptr<Series> series);
  std::unique_ptr<Series> series_;
};

}  // namespace rollout

#endif  // ROLLOUT_TRAINER_PUBLISHING_TRAINER_METRICS_H_
