#include "bench/serving/call_load.h"

#include <grpcpp/grpcpp.h>
#include <malloc.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"

namespace rollout::bench {
namespace {

constexpr auto kConnectTimeout = std::chrono::seconds(10);
constexpr auto kCallTimeout = std::chrono::seconds(60);

}  // namespace

void SpeedUpClient() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  mallopt(M_MMAP_THRESHOLD, 1 << 30);
  mallopt(M_TRIM_THRESHOLD, 512 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
}

// One call in flight; its connection stays the same.
struct CallLoad::Slot {
  grpc::GenericStub* stub = nullptr;
  size_t request = 0;
  absl::Time began;
  std::optional<grpc::ClientContext> context;
  std::unique_ptr<grpc::GenericClientAsyncResponseReader> call;
  grpc::ByteBuffer reply;
  grpc::Status status;
};

CallLoad::CallLoad(Options options) : options_(std::move(options)) {
  for (const std::string& request : options_.requests) {
    const grpc::Slice slice(request);
    requests_.emplace_back(&slice, 1);
  }
}

absl::StatusOr<std::unique_ptr<CallLoad>> CallLoad::Connect(Options options) {
  std::unique_ptr<CallLoad> load(new CallLoad(std::move(options)));
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  // Without an own pool all channels to one address share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  for (int i = 0; i < load->options_.connections; ++i) {
    const auto channel = grpc::CreateCustomChannel(load->options_.address,
                                                   grpc::InsecureChannelCredentials(), arguments);
    if (!channel->WaitForConnected(std::chrono::system_clock::now() + kConnectTimeout)) {
      return absl::UnavailableError(absl::StrCat("nobody answers at ", load->options_.address));
    }
    load->stubs_.push_back(std::make_unique<grpc::GenericStub>(channel));
  }
  return load;
}

void CallLoad::StartCall(Slot* slot) {
  slot->request = next_request_++ % requests_.size();
  slot->context.emplace();
  slot->context->set_deadline(std::chrono::system_clock::now() + kCallTimeout);
  slot->reply.Clear();
  slot->began = absl::Now();
  slot->call = slot->stub->PrepareUnaryCall(&*slot->context, options_.method,
                                            requests_[slot->request], &queue_);
  slot->call->StartCall();
  slot->call->Finish(&slot->reply, &slot->status, slot);
}

absl::StatusOr<std::string> CallLoad::CallOnce() {
  Slot slot;
  slot.stub = stubs_[0].get();
  next_request_ = 0;
  StartCall(&slot);
  void* tag = nullptr;
  bool ok = false;
  queue_.Next(&tag, &ok);
  if (!slot.status.ok()) {
    return absl::Status(static_cast<absl::StatusCode>(slot.status.error_code()),
                        slot.status.error_message());
  }
  std::vector<grpc::Slice> slices;
  // Fails only where a compressed reply cannot be inflated; nothing here compresses.
  (void)slot.reply.Dump(&slices);
  std::string bytes;
  for (const grpc::Slice& slice : slices) {
    bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
  }
  return bytes;
}

CallLoad::Stretch CallLoad::Run(absl::Duration duration) {
  Stretch stretch;
  stretch.answered.resize(requests_.size());
  std::vector<Slot> slots(options_.in_flight);
  const absl::Time began = absl::Now();
  const absl::Time end = began + duration;
  for (size_t i = 0; i < slots.size(); ++i) {
    slots[i].stub = stubs_[i % stubs_.size()].get();
    StartCall(&slots[i]);
  }
  size_t in_flight = slots.size();
  void* tag = nullptr;
  bool ok = false;
  while (in_flight > 0 && queue_.Next(&tag, &ok)) {
    Slot* const slot = static_cast<Slot*>(tag);
    const absl::Time now = absl::Now();
    if (slot->status.ok()) {
      stretch.latencies.push_back(now - slot->began);
      ++stretch.answered[slot->request];
    } else if (stretch.failed++ == 0) {
      std::fprintf(stderr, "%s: %s\n", options_.address.c_str(),
                   slot->status.error_message().c_str());
    }
    if (now < end) {
      StartCall(slot);
    } else {
      --in_flight;
    }
  }
  stretch.elapsed = absl::Now() - began;
  return stretch;
}

}  // namespace rollout::bench
