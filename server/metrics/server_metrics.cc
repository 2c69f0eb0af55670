#include "server/metrics/server_metrics.h"

#include <utility>

#include "server/metrics/version_metrics.h"

namespace rollout {

ServerMetrics::ServerMetrics()
    : registry_(std::make_shared<prometheus::Registry>()),
      request_seconds_(prometheus::BuildHistogram()
                           .Name("rollout_request_duration_seconds")
                           .Help("From the arrival of a request to its reply being handed over.")
                           .Register(*registry_)),
      rejected_(prometheus::BuildCounter()
                    .Name("rollout_rejected_total")
                    .Help("Requests that were not answered, by reason.")
                    .Register(*registry_)),
      loads_(prometheus::BuildCounter()
                 .Name("rollout_model_loads_total")
                 .Help("Versions that got a verdict: ready or quarantined.")
                 .Register(*registry_)),
      gates_(prometheus::BuildCounter()
                 .Name("rollout_gate_verdicts_total")
                 .Help("What the gates before serving said of versions, by gate and result.")
                 .Register(*registry_)),
      reported_(prometheus::BuildCounter()
                    .Name("rollout_reported_transitions_total")
                    .Help("Observed transitions that clients reported.")
                    .Register(*registry_)),
      recorded_(prometheus::BuildCounter()
                    .Name("rollout_recorded_transitions_total")
                    .Help("Reported transitions that were written to a dataset.")
                    .Register(*registry_)),
      not_recorded_(prometheus::BuildCounter()
                        .Name("rollout_not_recorded_transitions_total")
                        .Help("Reported transitions that should have been written to a dataset.")
                        .Register(*registry_)),
      device_faults_(prometheus::BuildCounter()
                         .Name("rollout_device_faults_total")
                         .Help("Loaded versions that lost their device, by the kind of fault.")
                         .Register(*registry_)),
      access_lines_lost_(prometheus::BuildCounter()
                             .Name("rollout_access_log_lost_total")
                             .Help("Requests that should have been written to the access log.")
                             .Register(*registry_)
                             .Add({})) {}

std::unique_ptr<ServerMetrics::Method> ServerMetrics::ForMethod(const std::string& name) {
  return std::unique_ptr<Method>(new Method(this, name));
}

void ServerMetrics::Method::Finished(absl::StatusCode code, absl::Duration duration) {
  const int index = static_cast<int>(code);
  if (index < 0 || index >= kNumCodes) return;
  prometheus::Histogram* histogram = by_code_[index].load();
  if (histogram == nullptr) {
    // Two threads may both do this: Add returns the same histogram for the same labels.
    histogram = &metrics_->request_seconds_.Add(
        {{"method", name_}, {"code", absl::StatusCodeToString(code)}}, LatencyBuckets());
    by_code_[index].store(histogram);
  }
  histogram->Observe(absl::ToDoubleSeconds(duration));
  if (code != absl::StatusCode::kOk) metrics_->Refused(code);
}

void ServerMetrics::Refused(absl::StatusCode code) {
  rejected_.Add({{"reason", std::string(RejectionReason(code))}}).Increment();
}

void ServerMetrics::LoadFinished(const std::string& model, const absl::Status& verdict,
                                 const GateVerdicts& gates) {
  for (const GateVerdict& gate : gates) {
    gates_.Add({{"model", model}, {"gate", Name(gate.gate)}, {"result", Name(gate.result)}})
        .Increment();
  }
  loads_.Add({{"model", model}, {"result", verdict.ok() ? "ready" : "quarantined"}}).Increment();
}

void ServerMetrics::DeviceFailed(const std::string& device, DeviceFault fault) {
  device_faults_.Add({{"device", device}, {"kind", Name(fault)}}).Increment();
}

void ServerMetrics::TransitionsReported(const std::string& model, int64_t transitions) {
  reported_.Add({{"model", model}}).Increment(static_cast<double>(transitions));
}

void ServerMetrics::TransitionsRecorded(const std::string& model, int64_t transitions) {
  recorded_.Add({{"model", model}}).Increment(static_cast<double>(transitions));
}

void ServerMetrics::TransitionsNotRecorded(const std::string& model, int64_t transitions,
                                           const char* reason) {
  not_recorded_.Add({{"model", model}, {"reason", reason}})
      .Increment(static_cast<double>(transitions));
}

absl::string_view RejectionReason(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kOk:
      return "";
    case absl::StatusCode::kResourceExhausted:
      return "queue_full";
    case absl::StatusCode::kDeadlineExceeded:
      return "deadline";
    case absl::StatusCode::kCancelled:
      return "cancelled";
    case absl::StatusCode::kInvalidArgument:
      return "invalid_argument";
    case absl::StatusCode::kNotFound:
      return "not_found";
    case absl::StatusCode::kUnavailable:
      return "unavailable";
    case absl::StatusCode::kUnauthenticated:
      return "unauthenticated";
    case absl::StatusCode::kPermissionDenied:
      return "permission_denied";
    case absl::StatusCode::kFailedPrecondition:
      return "failed_precondition";
    case absl::StatusCode::kUnimplemented:
      return "unimplemented";
    default:
      return "internal";
  }
}

}  // namespace rollout
