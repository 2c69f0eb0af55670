#include "server/config/option_table.h"

#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace rollout {
namespace {

absl::Status Bad(const std::string& name, const std::string& text, const std::string& expected) {
  return absl::InvalidArgumentError(absl::StrCat("--", name, "=", text, ": expected ", expected));
}

// Finds the field of `options` that an entry is about.
template <typename Field>
using Member = std::function<Field&(ServerOptions&)>;

OptionEntry Text(const std::string& name, const std::string& value, const std::string& help,
                 Member<std::string> member) {
  return {name, value, help, [member](const std::string& text, ServerOptions* options) {
            member(*options) = text;
            return absl::OkStatus();
          }};
}

OptionEntry Choice(const std::string& name, std::vector<std::string> choices,
                   const std::string& help, Member<std::string> member) {
  return {name, absl::StrJoin(choices, "|"), help,
          [name, choices, member](const std::string& text, ServerOptions* options) {
            for (const std::string& choice : choices) {
              if (text != choice) continue;
              member(*options) = text;
              return absl::OkStatus();
            }
            return Bad(name, text, absl::StrCat("one of ", absl::StrJoin(choices, ", ")));
          }};
}

template <typename Integer>
OptionEntry Number(const std::string& name, int64_t low, int64_t high, const std::string& help,
                   Member<Integer> member) {
  return {name, "N", help, [=](const std::string& text, ServerOptions* options) {
            int64_t number = 0;
            if (!absl::SimpleAtoi(text, &number) || number < low || number > high) {
              return Bad(name, text, absl::StrCat("a whole number from ", low, " to ", high));
            }
            member(*options) = static_cast<Integer>(number);
            return absl::OkStatus();
          }};
}

OptionEntry Real(const std::string& name, double low, double high, const std::string& help,
                 Member<double> member) {
  return {name, "X", help, [=](const std::string& text, ServerOptions* options) {
            double number = 0.0;
            if (!absl::SimpleAtod(text, &number) || !(number >= low && number <= high)) {
              return Bad(name, text, absl::StrCat("a number from ", low, " to ", high));
            }
            member(*options) = number;
            return absl::OkStatus();
          }};
}

OptionEntry Time(const std::string& name, absl::Duration low, const std::string& help,
                 Member<absl::Duration> member) {
  return {
      name, "TIME", help, [=](const std::string& text, ServerOptions* options) {
        absl::Duration duration;
        if (!absl::ParseDuration(text, &duration) || duration < low || duration > absl::Hours(24)) {
          return Bad(name, text,
                     absl::StrCat("a time such as 250ms, 1s or 2m, from ",
                                  absl::FormatDuration(low), " to 24h"));
        }
        member(*options) = duration;
        return absl::OkStatus();
      }};
}

// On by its name alone.
OptionEntry Flag(const std::string& name, const std::string& help, Member<bool> member) {
  return {name, "", help, [=](const std::string& text, ServerOptions* options) {
            if (absl::SimpleAtob(text, &member(*options))) return absl::OkStatus();
            return Bad(name, text, "true or false");
          }};
}

absl::Status SetDevice(const std::string& text, ServerOptions* options) {
  int index = 0;
  const bool cuda = text.rfind("cuda:", 0) == 0 && absl::SimpleAtoi(text.substr(5), &index);
  if (text != "auto" && text != "cpu" && !(cuda && index >= 0)) {
    return Bad("device", text, "auto, cpu or cuda:N");
  }
  options->engine.device = text;
  return absl::OkStatus();
}

absl::Status SetServedVersions(const std::string& text, ServerOptions* options) {
  const absl::Status parsed = ParseServedVersions(text, &options->overrides);
  if (parsed.ok()) return parsed;
  return absl::InvalidArgumentError(
      absl::StrCat("--served-versions=", text, ": ", parsed.message()));
}

absl::Status SetLabels(const std::string& text, ServerOptions* options) {
  const absl::Status parsed = ParseLabels(text, &options->overrides);
  if (parsed.ok()) return parsed;
  return absl::InvalidArgumentError(absl::StrCat("--labels=", text, ": ", parsed.message()));
}

std::vector<OptionEntry> MakeTable() {
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  constexpr int64_t kTerabyte = int64_t{1} << 40;
  using O = ServerOptions;
  return {
      Text("model-repository", "DIR", "folder that holds <model>/<version>/",
           [](O& o) -> auto& { return o.model_repository; }),
      Text("listen", "HOST:PORT", "gRPC address; port 0 lets the system choose [127.0.0.1:8001]",
           [](O& o) -> auto& { return o.listen; }),
      Text("metrics-listen", "HOST:PORT",
           "address of /metrics for Prometheus; \"\" = none [127.0.0.1:8002]",
           [](O& o) -> auto& { return o.metrics_listen; }),
      Text("health-listen", "HOST:PORT", "further address that serves grpc.health.v1 alone [none]",
           [](O& o) -> auto& { return o.health_listen; }),
      Flag("insecure", "allow plain text on --listen beyond loopback",
           [](O& o) -> auto& { return o.insecure; }),
      Text("tls-certificate", "FILE", "PEM chain of --listen, read again when it changes [none]",
           [](O& o) -> auto& { return o.security.tls_certificate; }),
      Text("tls-key", "FILE", "its private key, PEM without a password [none]",
           [](O& o) -> auto& { return o.security.tls_key; }),
      Text("tls-client-ca", "FILE",
           "clients must show a certificate that one of these signed [none]",
           [](O& o) -> auto& { return o.security.tls_client_ca; }),
      Text("access-file", "FILE",
           "who may query, report and administer, by token or certificate; read again when it "
           "changes [none: whoever can connect]",
           [](O& o) -> auto& { return o.security.access_file; }),
      Text("port-file", "FILE", "write the address of --listen there once it is known [none]",
           [](O& o) -> auto& { return o.port_file; }),
      Choice("engine", {"auto", "torch", "fused"},
             "what computes: auto = fused where it takes the model, else torch [auto]",
             [](O& o) -> auto& { return o.engine.engine; }),
      {"device", "auto|cpu|cuda:N", "where: auto = a GPU, else the CPU [auto]", SetDevice},
      Text("engine-dir", "DIR", "folder of the engine modules [engines, beside rolloutd]",
           [](O& o) -> auto& { return o.engine_dir; }),
      Number<int>("engine-threads", 0, 1024, "of one version's engine; 0 = one for each core [0]",
                  [](O& o) -> auto& { return o.engine.threads; }),
      Flag("deterministic", "on a GPU: a lane's bits do not depend on its batch; slower [off]",
           [](O& o) -> auto& { return o.engine.deterministic; }),
      Time("poll-interval", absl::Milliseconds(10), "between looks at the repository [1s]",
           [](O& o) -> auto& { return o.poll_interval; }),
      Number<int>("loaded-versions", 1, 1000, "newest good versions that stay loaded [2]",
                  [](O& o) -> auto& { return o.versions.loaded_versions; }),
      Time("version-linger", absl::ZeroDuration(),
           "how long a version stays loaded after its last use by name or by a stream [60s]",
           [](O& o) -> auto& { return o.versions.version_linger; }),
      Text("recorded-set", "DIR",
           "recorded episodes, DIR/<model>.hdf5, along which a new version must not diverge [none]",
           [](O& o) -> auto& { return o.recorded_set.folder; }),
      Real("max-diverged-ratio", 0.0, 1.0,
           "share of the recorded windows that may diverge before a version is refused [0.05]",
           [](O& o) -> auto& { return o.gates.max_diverged_ratio; }),
      Real("max-energy-drift", 0.0, std::numeric_limits<double>::infinity(),
           "drift of a Hamiltonian model's energy, in standard deviations, above which it is "
           "refused [inf]",
           [](O& o) -> auto& { return o.gates.max_energy_drift; }),
      {"served-versions", "MODEL:VERSION,...",
       "of the models named, load these versions and no others [none: the newest]",
       SetServedVersions},
      {"labels", "LABEL=MODEL:VERSION,...",
       "names for versions, such as stable=hopper:3,canary=hopper:5; these stay loaded [none]",
       SetLabels},
      Number<int>("stream-requests", 1, 65536, "unanswered ones of a StreamRollout [64]",
                  [](O& o) -> auto& { return o.stream_requests; }),
      Number<int64_t>("queue-lanes", 1, kMost, "lanes that may wait for a version [65536]",
                      [](O& o) -> auto& { return o.batch.queue_lanes; }),
      Number<int64_t>("queue-bytes", 1, kTerabyte,
                      "memory of requests that wait and of their replies [1073741824]",
                      [](O& o) -> auto& { return o.batch.queue_bytes; }),
      Number<int64_t>("batch-lanes", 1, kMost, "lanes computed at the same time [16384]",
                      [](O& o) -> auto& { return o.batch.batch_lanes; }),
      Number<int64_t>("max-lanes", 1, kMost, "lanes of one request [65536]",
                      [](O& o) -> auto& { return o.request.max_lanes; }),
      Number<int64_t>("max-horizon", 1, kMost - 1, "transitions of one request [16384]",
                      [](O& o) -> auto& { return o.request.max_horizon; }),
      Number<int64_t>("max-reply-bytes", 1, kTerabyte, "of one reply [268435456]",
                      [](O& o) -> auto& { return o.request.max_reply_bytes; }),
      Number<int64_t>("max-gradient-bytes", 1, kTerabyte,
                      "of the states that one gradient is taken along [1073741824]",
                      [](O& o) -> auto& { return o.request.max_gradient_bytes; }),
      Number<int64_t>("max-frames", 1, kMost, "of a pixel model in one request or reply [4096]",
                      [](O& o) -> auto& { return o.request.max_frames; }),
      Number<int64_t>("max-message-bytes", 1, kMost, "of one received message [268435456]",
                      [](O& o) -> auto& { return o.max_message_bytes; }),
      Number<int>("max-streams", 1, 1 << 20, "calls at a time on one connection [1024]",
                  [](O& o) -> auto& { return o.max_streams; }),
      Number<int>("grpc-threads", 0, 1024,
                  "that read requests and write replies; 0 = half of the cores, at least 1 [0]",
                  [](O& o) -> auto& { return o.grpc_threads; }),
      Number<int>("max-header-bytes", 1024, 16 << 20, "of the metadata of one call [16384]",
                  [](O& o) -> auto& { return o.max_header_bytes; }),
      Time("drain-delay", absl::ZeroDuration(),
           "on SIGTERM, from NOT_SERVING to refusing requests [0s]",
           [](O& o) -> auto& { return o.drain_delay; }),
      Time("drain-timeout", absl::ZeroDuration(),
           "on SIGTERM, for the requests in flight to finish [25s]",
           [](O& o) -> auto& { return o.drain_timeout; }),
      Text("access-log", "FILE", "one JSON object a request, rotated [none]",
           [](O& o) -> auto& { return o.access_log.file; }),
      Number<int64_t>("access-log-bytes", 4096, kTerabyte,
                      "of --access-log before the next file is begun [67108864]",
                      [](O& o) -> auto& { return o.access_log.file_bytes; }),
      Number<int>("access-log-files", 1, 1000, "older files of --access-log that are kept [4]",
                  [](O& o) -> auto& { return o.access_log.files; }),
      Text("report-folder", "DIR",
           "append reported transitions to datasets, DIR/<model>/reports-v<N>, for the trainer "
           "[none]",
           [](O& o) -> auto& { return o.recorded_reports.datasets.folder; }),
      Number<int64_t>("report-file-bytes", 4096, kTerabyte,
                      "of such a dataset before the next one is begun [67108864]",
                      [](O& o) -> auto& { return o.recorded_reports.datasets.file_bytes; }),
      Time("report-file-time", absl::Seconds(1), "after which it is begun at the latest [10m]",
           [](O& o) -> auto& { return o.recorded_reports.datasets.file_time; }),
      Number<int>("report-files", 1, 100000, "newest datasets of a model that are kept [16]",
                  [](O& o) -> auto& { return o.recorded_reports.datasets.files; }),
      Choice("log-level", {"debug", "info", "warning", "error"},
             "least level that is logged [info]", [](O& o) -> auto& { return o.log_level; }),
  };
}

}  // namespace

const std::vector<OptionEntry>& OptionTable() {
  static const auto* table = new std::vector<OptionEntry>(MakeTable());
  return *table;
}

}  // namespace rollout
