// The way into a rolloutd from C++. See docs/clients.md for a first query.
#ifndef ROLLOUT_CLIENT_CLIENT_H_
#define ROLLOUT_CLIENT_CLIENT_H_

#include <functional>
#include <future>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/channel_security.h"
#include "client/retry.h"
#include "client/rollout_arguments.h"
#include "client/rollout_result.h"
#include "client/transition_report.h"
#include "rollout/v1/transition_model.pb.h"

namespace grpc {
class Channel;
class ClientContext;
}  // namespace grpc

namespace rollout {

struct ClientOptions {
  // How long Connect waits for the server; zero = do not wait, the first call connects.
  absl::Duration connect_timeout = absl::Seconds(5);
  // Of each call, all attempts together; InfiniteDuration = none.
  absl::Duration deadline = absl::Seconds(60);
  RetryOptions retry;
  ChannelSecurityOptions security;    // default: plain text, no credential
  int max_message_bytes = 256 << 20;  // either way; gRPC's own default of 4 MiB is below one plan
  int channels = 1;                   // calls take turns; one connection serialises large replies
};

// A connection to one server. Thread-safe; made once and shared. Errors carry the server's code and
// its message unchanged. Destroying it waits for the calls in flight (their deadline bounds that).
class Client {
 public:
  // `address` is "host:port", also "unix:path". UNAVAILABLE when nobody answers within
  // connect_timeout; NOT_FOUND or INVALID_ARGUMENT naming a file of `security` that cannot be used.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(const std::string& address,
                                                         const ClientOptions& options = {});
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Rolls out all lanes of `arguments` in one call. INVALID_ARGUMENT (field, what came, what was
  // expected), NOT_FOUND (model or version, listing what there is), RESOURCE_EXHAUSTED (the queue
  // stayed full for all attempts, or a message limit), UNAVAILABLE (loading, draining, no
  // connection), DEADLINE_EXCEEDED.
  absl::StatusOr<RolloutResult> Rollout(const RolloutArguments& arguments) const;

  // The same without waiting. `done` runs exactly once, on a thread of gRPC's: it must not block.
  using RolloutCallback = std::function<void(absl::StatusOr<RolloutResult>)>;
  void RolloutAsync(const RolloutArguments& arguments, RolloutCallback done) const;
  std::future<absl::StatusOr<RolloutResult>> RolloutFuture(const RolloutArguments& arguments) const;

  // Gradients of rollouts, and the model linearised along one; the fields are explained in
  // rollout/v1/transition_model.proto. The same errors, and UNIMPLEMENTED where the version's
  // engine has no gradients.
  absl::StatusOr<v1::GradientReply> Gradient(const v1::GradientRequest& request) const;
  absl::StatusOr<v1::LinearizeReply> Linearize(const v1::LinearizeRequest& request) const;

  // `dimension_errors`: prediction errors per dimension too. NOT_FOUND listing the models there
  // are.
  absl::StatusOr<v1::Model> GetModel(const std::string& model, bool dimension_errors = false) const;
  absl::StatusOr<v1::ListModelsReply> ListModels() const;

  // Not retried unless the server pushes back: a stretch that arrives twice would count twice.
  absl::StatusOr<v1::ReportTransitionsReply> ReportTransitions(
      const TransitionReport& report) const;

  // Of grpc.health.v1: "" = ready, "_live", or a model's name. NOT_FOUND for any other name. Never
  // retried.
  absl::StatusOr<bool> IsServing(const std::string& service = "") const;

  const std::string& address() const { return address_; }

  // One of its connections, for calls that this class does not make itself.
  std::shared_ptr<grpc::Channel> channel() const;
  // Adds this client's credential, where it has one, to a call that is made on channel(). NOT_FOUND
  // where the token file cannot be read.
  absl::Status Authorize(grpc::ClientContext* context) const;

 private:
  class Transport;
  Client(std::string address, std::unique_ptr<Transport> transport);

  const std::string address_;
  const std::unique_ptr<Transport> transport_;
};

}  // namespace rollout

#endif  // ROLLOUT_CLIENT_CLIENT_H_
