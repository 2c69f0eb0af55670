#include "trainer/fitting/process_group.h"

#include <c10/util/Logging.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace rollout {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename Number>
void Append(absl::Span<const Number> numbers, Bytes* bytes) {
  const auto* begin = reinterpret_cast<const uint8_t*>(numbers.data());
  bytes->insert(bytes->end(), begin, begin + numbers.size() * sizeof(Number));
}

// Adds the numbers at `offset` of `bytes` to `sum` and returns where they end.
template <typename Number>
size_t AddFrom(const Bytes& bytes, size_t offset, absl::Span<Number> sum) {
  for (Number& element : sum) {
    Number number;
    std::memcpy(&number, &bytes[offset], sizeof(number));
    element += number;
    offset += sizeof(number);
  }
  return offset;
}

class StoreProcessGroup final : public ProcessGroup {
 public:
  StoreProcessGroup(const ProcessGroupOptions& options, c10::intrusive_ptr<c10d::TCPStore> store)
      : options_(options), store_(std::move(store)) {}

  int process() const override { return options_.process; }
  int size() const override { return options_.size; }

  absl::Status Mean(absl::Span<double> numbers, absl::Span<float> values, bool* flag) override {
    Bytes mine;
    mine.reserve(numbers.size() * sizeof(double) + values.size() * sizeof(float) + 1);
    Append(absl::Span<const double>(numbers), &mine);
    Append(absl::Span<const float>(values), &mine);
    mine.push_back(*flag ? 1 : 0);
    const auto all = Exchange(mine);
    if (!all.ok()) return all.status();
    std::fill(numbers.begin(), numbers.end(), 0.0);
    std::fill(values.begin(), values.end(), 0.0f);
    for (int from = 0; from < size(); ++from) {
      const Bytes& bytes = (*all)[from];
      if (bytes.size() != mine.size()) {
        return Disagreement(absl::StrCat("process ", from, " sent ", bytes.size(),
                                         " bytes where process ", process(), " has ", mine.size(),
                                         ": they do not fit the same model"));
      }
      const size_t end = AddFrom(bytes, AddFrom(bytes, 0, numbers), values);
      *flag = *flag || bytes[end] != 0;
    }
    for (double& number : numbers) number /= size();
    const float share = 1.0f / static_cast<float>(size());
    for (float& value : values) value *= share;
    return absl::OkStatus();
  }

  absl::Status Agree(absl::string_view what, const std::string& value) override {
    const auto all = Exchange(Bytes(value.begin(), value.end()));
    if (!all.ok()) return all.status();
    for (int from = 0; from < size(); ++from) {
      const std::string other((*all)[from].begin(), (*all)[from].end());
      if (other != value) {
        return Disagreement(absl::StrCat("processes of one fit must agree in ", what, ": process ",
                                         from, " has ", other, ", process ", process(), " has ",
                                         value));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Finish() override {
    const auto all = Exchange(Bytes{});
    if (!all.ok()) return all.status();
    try {
      // Each of the others says that it has read what this exchange brought, and reads no more.
      if (process() != 0) {
        store_->set(LeftKey(process()), Bytes{1});
      } else {
        for (int from = 1; from < size(); ++from) store_->get(LeftKey(from));
      }
    } catch (const std::exception& error) {
      return Gone(error);
    }
    return absl::OkStatus();
  }

 private:
  // What every process gave, this one included, by process.
  absl::StatusOr<std::vector<Bytes>> Exchange(const Bytes& mine) {
    try {
      store_->set(Key(exchange_, process()), mine);
      std::vector<Bytes> all;
      for (int from = 0; from < size(); ++from) {
        all.push_back(from == process() ? mine : store_->get(Key(exchange_, from)));
      }
      // Whoever has given something in this exchange has read everything of the one before.
      if (exchange_ > 0) store_->deleteKey(Key(exchange_ - 1, process()));
      ++exchange_;
      return all;
    } catch (const std::exception& error) {
      return Gone(error);
    }
  }

  // Where two processes differ, each sees one that differs from itself: all of them come here, and
  // process 0 keeps the store until the last has seen it.
  absl::Status Disagreement(const std::string& message) {
    Finish().IgnoreError();
    return absl::FailedPreconditionError(message);
  }

  static std::string Key(int64_t exchange, int process) {
    return absl::StrCat(exchange, "/", process);
  }
  static std::string LeftKey(int process) { return absl::StrCat("left/", process); }

  absl::Status Gone(const std::exception& error) const {
    const std::string text = error.what();
    return absl::UnavailableError(
        absl::StrCat("process ", process(), " of ", size(), " has lost the others after ",
                     exchange_, " exchanges through ", options_.host, ":", options_.port, ": ",
                     text.substr(0, text.find('\n')), " (has one of them ended?)"));
  }

  const ProcessGroupOptions options_;
  const c10::intrusive_ptr<c10d::TCPStore> store_;
  int64_t exchange_ = 0;
};

absl::StatusOr<int> Number(const char* variable, int low, int high) {
  const char* text = std::getenv(variable);
  int number = 0;
  if (text != nullptr && absl::SimpleAtoi(text, &number) && number >= low && number <= high) {
    return number;
  }
  return absl::InvalidArgumentError(absl::StrCat(variable, ": found ",
                                                 text == nullptr ? "nothing" : text,
                                                 ", expected a number from ", low, " to ", high));
}

}  // namespace

absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinProcessGroup(const ProcessGroupOptions& options) {
  FLAGS_caffe2_log_level = 2;  // errors come back as a Status, not as a stack in the log
  c10d::TCPStoreOptions store_options;
  store_options.port = static_cast<uint16_t>(options.port);
  store_options.isServer = options.process == 0;
  store_options.numWorkers = static_cast<size_t>(options.size);
  store_options.timeout = absl::ToChronoMilliseconds(options.timeout);
  try {
    return std::make_unique<StoreProcessGroup>(
        options, c10::make_intrusive<c10d::TCPStore>(options.host, store_options));
  } catch (const std::exception& error) {
    const std::string text = error.what();
    return absl::UnavailableError(absl::StrCat(
        "process ", options.process, " of ", options.size, " could not meet the others at ",
        options.host, ":", options.port, ": ", text.substr(0, text.find('\n'))));
  }
}

absl::StatusOr<std::unique_ptr<ProcessGroup>> JoinProcessGroupOfEnvironment() {
  if (std::getenv("WORLD_SIZE") == nullptr) return nullptr;
  const auto size = Number("WORLD_SIZE", 1, 1024);
  if (!size.ok()) return size.status();
  if (*size == 1) return nullptr;
  const auto process = Number("RANK", 0, *size - 1);
  if (!process.ok()) return process.status();
  const auto port = Number("MASTER_PORT", 1, 65535);
  if (!port.ok()) return port.status();
  const char* host = std::getenv("MASTER_ADDR");
  if (host == nullptr || *host == '\0') {
    return absl::InvalidArgumentError(
        "MASTER_ADDR: found nothing, expected the host name of process 0");
  }
  ProcessGroupOptions options;
  options.size = *size;
  options.process = *process;
  options.port = *port;
  options.host = host;
  return JoinProcessGroup(options);
}

}  // namespace rollout
