// What is measured about the whole process.
#ifndef ROLLOUT_SERVER_METRICS_SERVER_METRICS_H_
#define ROLLOUT_SERVER_METRICS_SERVER_METRICS_H_

#include <prometheus/counter.h>
#include <prometheus/family.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include <array>
#include <atomic>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "models/engines/device_fault.h"
#include "server/gates/gate_verdict.h"
#include "server/recording/recording_observer.h"

namespace rollout {

// Owned by the server, outlives whoever measures with it. Any thread.
class ServerMetrics final : public RecordingObserver {
 public:
  ServerMetrics();

  // One method's calls: histograms by status code, made when a code first occurs.
  class Method {
   public:
    // `refused` calls (every code but OK) are counted by reason too.
    void Finished(absl::StatusCode code, absl::Duration duration);
    const std::string& name() const { return name_; }

   private:
    friend class ServerMetrics;
    Method(ServerMetrics* metrics, std::string name) : metrics_(metrics), name_(std::move(name)) {}
    static constexpr int kNumCodes = 17;

    ServerMetrics* const metrics_;
    const std::string name_;
    std::array<std::atomic<prometheus::Histogram*>, kNumCodes> by_code_ = {};
  };
  // `name` as in the label: "TransitionModel/Rollout".
  std::unique_ptr<Method> ForMethod(const std::string& name);

  // A call that no service got to see.
  void Refused(absl::StatusCode code);

  void LoadFinished(const std::string& model, const absl::Status& verdict,
                    const GateVerdicts& gates);
  void DeviceFailed(const std::string& device, DeviceFault fault);
  void TransitionsReported(const std::string& model, int64_t transitions);
  void TransitionsRecorded(const std::string& model, int64_t transitions) override;
  void TransitionsNotRecorded(const std::string& model, int64_t transitions,
                              const char* reason) override;
  void AccessLinesLost(int64_t lines) { access_lines_lost_.Increment(static_cast<double>(lines)); }

  const std::shared_ptr<prometheus::Registry>& registry() const { return registry_; }

 private:
  const std::shared_ptr<prometheus::Registry> registry_;
  prometheus::Family<prometheus::Histogram>& request_seconds_;
  prometheus::Family<prometheus::Counter>& rejected_;
  prometheus::Family<prometheus::Counter>& loads_;
  prometheus::Family<prometheus::Counter>& gates_;
  prometheus::Family<prometheus::Counter>& reported_;
  prometheus::Family<prometheus::Counter>& recorded_;
  prometheus::Family<prometheus::Counter>& not_recorded_;
  prometheus::Family<prometheus::Counter>& device_faults_;
  prometheus::Counter& access_lines_lost_;
};

// The label `reason` of a refusal: "queue_full", "deadline", "invalid_argument"...; empty for OK.
absl::string_view RejectionReason(absl::StatusCode code);

}  // namespace rollout

#endif  // ROLLOUT_SERVER_METRICS_SERVER_METRICS_H_
