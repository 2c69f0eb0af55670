#include "client/rolloutctl/metrics_page.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace rollout {
namespace {

// The labels up to and with the closing brace; moves `line` behind it. Escapes are \\ \" \n.
std::optional<std::map<std::string, std::string>> TakeLabels(absl::string_view* line) {
  std::map<std::string, std::string> labels;
  while (!line->empty() && line->front() != '}') {
    const size_t equals = line->find("=\"");
    if (equals == absl::string_view::npos) return std::nullopt;
    const std::string name(absl::StripAsciiWhitespace(line->substr(0, equals)));
    line->remove_prefix(equals + 2);
    std::string value;
    while (!line->empty() && line->front() != '"') {
      if (line->front() == '\\' && line->size() > 1) line->remove_prefix(1);
      value += line->front();
      line->remove_prefix(1);
    }
    if (line->empty()) return std::nullopt;
    line->remove_prefix(1);
    if (!line->empty() && line->front() == ',') line->remove_prefix(1);
    labels[name] = value;
  }
  if (line->empty()) return std::nullopt;
  line->remove_prefix(1);
  return labels;
}

double ParseNumber(const std::string& text) {
  if (text == "+Inf") return std::numeric_limits<double>::infinity();
  double value;
  return absl::SimpleAtod(text, &value) ? value : std::numeric_limits<double>::quiet_NaN();
}

std::string Label(const MetricSample& sample, const std::string& name) {
  const auto found = sample.labels.find(name);
  return found == sample.labels.end() ? "" : found->second;
}

// A connected socket that closes itself; -1 where nobody answers.
class Connection {
 public:
  Connection(const std::string& host, const std::string& port, absl::Duration timeout) {
    addrinfo hints = {};
    hints.ai_family = AF_UNSPEC;
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return;
    for (const addrinfo* at = found; at != nullptr && socket_ < 0; at = at->ai_next) {
      socket_ = socket(at->ai_family, at->ai_socktype | SOCK_CLOEXEC, at->ai_protocol);
      if (socket_ < 0) continue;
      const timeval limit = absl::ToTimeval(timeout);
      setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
      setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
      if (connect(socket_, at->ai_addr, at->ai_addrlen) == 0) break;
      close(socket_);
      socket_ = -1;
    }
    freeaddrinfo(found);
  }
  ~Connection() {
    if (socket_ >= 0) close(socket_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  int get() const { return socket_; }

 private:
  int socket_ = -1;
};

}  // namespace

std::vector<MetricSample> ParseMetrics(absl::string_view page) {
  std::vector<MetricSample> samples;
  for (absl::string_view line : absl::StrSplit(page, '\n')) {
    if (line.empty() || line.front() == '#') continue;
    const size_t end = line.find_first_of("{ ");
    if (end == absl::string_view::npos) continue;
    MetricSample sample;
    sample.name = std::string(line.substr(0, end));
    const bool labelled = line[end] == '{';
    line.remove_prefix(end + 1);
    if (labelled) {
      auto labels = TakeLabels(&line);
      if (!labels.has_value()) continue;
      sample.labels = *std::move(labels);
    }
    const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipWhitespace());
    if (fields.empty()) continue;
    sample.value = ParseNumber(fields[0]);
    samples.push_back(std::move(sample));
  }
  return samples;
}

absl::StatusOr<std::string> FetchMetrics(const std::string& address, absl::Duration timeout) {
  const auto unavailable = [&](absl::string_view what) {
    return absl::UnavailableError(
        absl::StrCat("--metrics ", address, ": ", what,
                     "; expected the host:port of rolloutd's --metrics-listen"));
  };
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return unavailable("no port");
  const Connection connection(address.substr(0, colon), address.substr(colon + 1), timeout);
  if (connection.get() < 0) return unavailable("nobody answers");
  // Version 1.0, so that the answer comes in one piece and the connection then ends.
  const std::string request =
      absl::StrCat("GET /metrics HTTP/1.0\r\nHost: ", address, "\r\nAccept: text/plain\r\n\r\n");
  if (send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    return unavailable("the connection was lost");
  }
  std::string answer;
  char buffer[16384];
  ssize_t got;
  while ((got = recv(connection.get(), buffer, sizeof(buffer), 0)) > 0) answer.append(buffer, got);
  const size_t body = answer.find("\r\n\r\n");
  const std::string status_line = answer.substr(0, answer.find("\r\n"));
  if (got < 0 || body == std::string::npos || !absl::StrContains(status_line, " 200")) {
    return unavailable(status_line.empty() ? "no answer in time" : status_line);
  }
  return answer.substr(body + 4);
}

double BucketQuantile(const Buckets& buckets, double quantile) {
  if (buckets.empty() || buckets.rbegin()->second <= 0) {
    return std::numeric_limits<double>::quiet_NaN();
  }
  const double rank = quantile * buckets.rbegin()->second;
  double lower = 0.0, below = 0.0;
  for (const auto& [bound, count] : buckets) {
    if (count >= rank && count > below) {
      if (std::isinf(bound)) return lower;
      return lower + (bound - lower) * (rank - below) / (count - below);
    }
    lower = bound;
    below = count;
  }
  return lower;
}

Buckets Since(const Buckets& before, const Buckets& now) {
  Buckets since = now;
  for (const auto& [bound, count] : before) since[bound] -= count;
  return since;
}

Traffic Traffic::From(const std::vector<MetricSample>& samples, absl::Time when) {
  Traffic traffic;
  traffic.when = when;
  for (const MetricSample& sample : samples) {
    if (sample.name == "rollout_request_duration_seconds_bucket") {
      traffic.durations[Label(sample, "method")][ParseNumber(Label(sample, "le"))] += sample.value;
    } else if (sample.name == "rollout_request_duration_seconds_count") {
      const std::string method = Label(sample, "method");
      traffic.calls[method] += sample.value;
      if (Label(sample, "code") != "OK") traffic.failures[method] += sample.value;
    } else if (sample.name == "rollout_phase_duration_seconds_bucket") {
      traffic.phases[{Label(sample, "model"), Label(sample, "version")}][Label(sample, "phase")]
                    [ParseNumber(Label(sample, "le"))] += sample.value;
    } else if (sample.name == "rollout_transitions_total") {
      traffic.transitions += sample.value;
    } else if (sample.name == "rollout_rejected_total") {
      traffic.rejected += sample.value;
    } else if (sample.name == "rollout_queue_lanes") {
      traffic.queue_lanes += sample.value;
    }
  }
  return traffic;
}

}  // namespace rollout
