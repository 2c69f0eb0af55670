#include "base/process_collector.h"

#include <string>

#include "base/process_usage.h"

namespace rollout {
namespace {

prometheus::MetricFamily Family(const char* name, const char* help, prometheus::MetricType type,
                                double value) {
  prometheus::MetricFamily family;
  family.name = name;
  family.help = help;
  family.type = type;
  prometheus::ClientMetric metric;
  if (type == prometheus::MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  family.metric.push_back(metric);
  return family;
}

}  // namespace

std::vector<prometheus::MetricFamily> ProcessCollector::Collect() const {
  using prometheus::MetricType;
  const ProcessUsage usage = ReadProcessUsage();
  return {
      Family("process_cpu_seconds_total", "Processor time of this process, user and system.",
             MetricType::Counter, usage.cpu_seconds),
      Family("process_resident_memory_bytes", "Memory of this process that is in RAM.",
             MetricType::Gauge, usage.resident_bytes),
      Family("process_heap_bytes", "Memory that this process has allocated and not freed.",
             MetricType::Gauge, usage.heap_bytes),
      Family("process_threads", "Threads of this process.", MetricType::Gauge, usage.threads),
      Family("process_open_fds", "Files and connections that are open.", MetricType::Gauge,
             usage.open_files),
      Family("process_start_time_seconds", "When this process began, in seconds since 1970.",
             MetricType::Gauge, usage.start_time_seconds),
  };
}

}  // namespace rollout
