#include "client/client.h"

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "rollout/v1/transition_model.grpc.pb.h"

namespace rollout {
namespace {

constexpr char kPushbackTrailer[] = "grpc-retry-pushback-ms";

absl::Status FromGrpc(const grpc::Status& status) {
  return absl::Status(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
}

FailedAttempt Describe(const grpc::Status& status, const grpc::ClientContext& context, int attempt,
                       absl::Time deadline) {
  FailedAttempt failed;
  failed.code = static_cast<absl::StatusCode>(status.error_code());
  failed.attempt = attempt;
  failed.time_left = deadline - absl::Now();
  const auto& trailers = context.GetServerTrailingMetadata();
  const auto pushback = trailers.find(kPushbackTrailer);
  if (pushback != trailers.end()) {
    failed.pushback_ms.emplace(pushback->second.data(), pushback->second.size());
  }
  return failed;
}

double Uniform() {
  thread_local absl::BitGen generator;
  return absl::Uniform(generator, 0.0, 1.0);
}

std::shared_ptr<grpc::ChannelCredentials> MakeCredentials(const ChannelSecrets& secrets) {
  if (!secrets.tls) return grpc::InsecureChannelCredentials();
  grpc::SslCredentialsOptions tls;
  tls.pem_root_certs = secrets.ca;
  tls.pem_cert_chain = secrets.certificate;
  tls.pem_private_key = secrets.key;
  return grpc::SslCredentials(tls);
}

void SetDeadline(absl::Time deadline, grpc::ClientContext* context) {
  if (deadline != absl::InfiniteFuture()) context->set_deadline(absl::ToChronoTime(deadline));
}

}  // namespace

// The channels and stubs of a Client, and the attempts of its calls.
class Client::Transport {
 public:
  Transport(const std::string& address, const ClientOptions& options,
            const ChannelSecrets& secrets);
  ~Transport();

  // False when `timeout` passes without a connection.
  bool WaitUntilConnected(absl::Duration timeout);

  // Calls `method(stub, context, reply)` until it succeeds or RetryDelay gives up.
  template <typename Reply, typename Method>
  absl::StatusOr<Reply> Call(bool repeatable, Method method);

  void StartRollout(v1::RolloutRequest request, RolloutCallback done);

  absl::StatusOr<bool> CheckHealth(const std::string& service);

  absl::Status Authorize(grpc::ClientContext* context);

  std::shared_ptr<grpc::Channel> channel() { return NextConnection().channel; }

 private:
  struct RolloutCall;

  struct Connection {
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<v1::TransitionModel::Stub> stub;
  };

  const Connection& NextConnection();
  absl::Time Deadline() const { return absl::Now() + options_.deadline; }
  // Deadline and credential of an attempt; the errors of TokenFile.
  absl::Status Prepare(absl::Time deadline, grpc::ClientContext* context);
  void StartAttempt(std::shared_ptr<RolloutCall> call);
  void FinishAttempt(const std::shared_ptr<RolloutCall>& call, const grpc::Status& status);
  void Finish(const std::shared_ptr<RolloutCall>& call, absl::StatusOr<RolloutResult> result);

  const ClientOptions options_;
  TokenFile token_;
  std::vector<Connection> connections_;
  std::atomic<size_t> next_connection_ = 0;

  Mutex mutex_;
  ConditionVariable all_finished_;
  int64_t calls_in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
};

// An asynchronous rollout with its attempts; kept alive by whatever will continue it (the stub's
// callback or the alarm of the next attempt). Touched by one of them at a time.
struct Client::Transport::RolloutCall {
  v1::RolloutRequest request;
  RolloutCallback done;
  absl::Time deadline;
  int attempt = 0;
  std::unique_ptr<grpc::ClientContext> context;
  v1::RolloutReply reply;
  grpc::Alarm alarm;
  std::shared_ptr<RolloutCall> waiting;  // itself, between attempts
};

Client::Transport::Transport(const std::string& address, const ClientOptions& options,
                             const ChannelSecrets& secrets)
    : options_(options), token_(options.security.token_file) {
  const auto credentials = MakeCredentials(secrets);
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(options.max_message_bytes);
  arguments.SetMaxSendMessageSize(options.max_message_bytes);
  // Retries are decided in RetryDelay, which also knows which calls may be repeated.
  arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  // Without an own pool all channels to one address share one connection.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetUserAgentPrefix("rollout-client");
  if (!options.security.tls_server_name.empty()) {
    arguments.SetSslTargetNameOverride(options.security.tls_server_name);
  }
  for (int i = 0; i < std::max(1, options.channels); ++i) {
    Connection connection;
    connection.channel = grpc::CreateCustomChannel(address, credentials, arguments);
    connection.stub = v1::TransitionModel::NewStub(connection.channel);
    connections_.push_back(std::move(connection));
  }
}

Client::Transport::~Transport() {
  MutexLock lock(&mutex_);
  while (calls_in_flight_ > 0) all_finished_.Wait(&mutex_);
}

bool Client::Transport::WaitUntilConnected(absl::Duration timeout) {
  const auto deadline = absl::ToChronoTime(absl::Now() + timeout);
  return std::all_of(connections_.begin(), connections_.end(), [&](const Connection& connection) {
    return connection.channel->WaitForConnected(deadline);
  });
}

const Client::Transport::Connection& Client::Transport::NextConnection() {
  return connections_[next_connection_.fetch_add(1, std::memory_order_relaxed) %
                      connections_.size()];
}

absl::Status Client::Transport::Prepare(absl::Time deadline, grpc::ClientContext* context) {
  SetDeadline(deadline, context);
  return Authorize(context);
}

absl::Status Client::Transport::Authorize(grpc::ClientContext* context) {
  absl::StatusOr<std::string> authorization = token_.Authorization();
  if (!authorization.ok()) return authorization.status();
  if (!authorization->empty()) context->AddMetadata("authorization", *authorization);
  return absl::OkStatus();
}

template <typename Reply, typename Method>
absl::StatusOr<Reply> Client::Transport::Call(bool repeatable, Method method) {
  const absl::Time deadline = Deadline();
  for (int attempt = 1;; ++attempt) {
    grpc::ClientContext context;
    if (absl::Status s = Prepare(deadline, &context); !s.ok()) return s;
    Reply reply;
    const grpc::Status status = method(*NextConnection().stub, &context, &reply);
    if (status.ok()) return reply;
    FailedAttempt failed = Describe(status, context, attempt, deadline);
    failed.repeatable = repeatable;
    const std::optional<absl::Duration> delay = RetryDelay(options_.retry, failed, Uniform());
    if (DeadlineCutReply(failed)) return absl::DeadlineExceededError("Deadline Exceeded");
    if (!delay.has_value()) return FromGrpc(status);
    absl::SleepFor(*delay);
  }
}

void Client::Transport::StartRollout(v1::RolloutRequest request, RolloutCallback done) {
  {
    MutexLock lock(&mutex_);
    ++calls_in_flight_;
  }
  auto call = std::make_shared<RolloutCall>();
  call->request = std::move(request);
  call->done = std::move(done);
  call->deadline = Deadline();
  StartAttempt(std::move(call));
}

void Client::Transport::StartAttempt(std::shared_ptr<RolloutCall> call) {
  ++call->attempt;
  call->reply.Clear();
  call->context = std::make_unique<grpc::ClientContext>();
  if (absl::Status s = Prepare(call->deadline, call->context.get()); !s.ok()) {
    Finish(call, s);
    return;
  }
  RolloutCall* raw = call.get();
  NextConnection().stub->async()->Rollout(
      raw->context.get(), &raw->request, &raw->reply,
      [this, call = std::move(call)](const grpc::Status& status) { FinishAttempt(call, status); });
}

void Client::Transport::FinishAttempt(const std::shared_ptr<RolloutCall>& call,
                                      const grpc::Status& status) {
  const FailedAttempt failed = Describe(status, *call->context, call->attempt, call->deadline);
  // The context holds the channel. Were this the last one to, the channel would end on the very
  // thread that its end waits for; so it goes before the call counts as finished.
  call->context.reset();
  if (!status.ok()) {
    const std::optional<absl::Duration> delay = RetryDelay(options_.retry, failed, Uniform());
    if (delay.has_value()) {
      // An alarm keeps its callback until it is set again: a strong reference there would not go.
      call->waiting = call;
      call->alarm.Set(absl::ToChronoTime(absl::Now() + *delay),
                      [this, raw = call.get()](bool) { StartAttempt(std::move(raw->waiting)); });
      return;
    }
    Finish(call, FromGrpc(status));
  } else {
    Finish(call, RolloutResult::FromReply(std::move(call->reply)));
  }
}

void Client::Transport::Finish(const std::shared_ptr<RolloutCall>& call,
                               absl::StatusOr<RolloutResult> result) {
  call->context.reset();
  call->done(std::move(result));
  // Last, under the lock: after it the destructor may have taken `this` away.
  MutexLock lock(&mutex_);
  if (--calls_in_flight_ == 0) all_finished_.NotifyAll();
}

absl::StatusOr<bool> Client::Transport::CheckHealth(const std::string& service) {
  const auto stub = grpc::health::v1::Health::NewStub(NextConnection().channel);
  grpc::ClientContext context;
  if (absl::Status s = Prepare(Deadline(), &context); !s.ok()) return s;
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  grpc::health::v1::HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response.status() == grpc::health::v1::HealthCheckResponse::SERVING;
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(const std::string& address,
                                                        const ClientOptions& options) {
  const absl::StatusOr<ChannelSecrets> secrets = ReadChannelSecrets(options.security);
  if (!secrets.ok()) return secrets.status();
  auto transport = std::make_unique<Transport>(address, options, *secrets);
  if (options.connect_timeout > absl::ZeroDuration() &&
      !transport->WaitUntilConnected(options.connect_timeout)) {
    return absl::UnavailableError(absl::StrCat(
        "nobody answers at ", address, " (waited ", absl::FormatDuration(options.connect_timeout),
        "): is rolloutd running, and does its --listen say this address",
        secrets->tls ? ", and is its certificate one that --tls-ca signed for this name?"
                     : ", without TLS?"));
  }
  return std::unique_ptr<Client>(new Client(address, std::move(transport)));
}

Client::Client(std::string address, std::unique_ptr<Transport> transport)
    : address_(std::move(address)), transport_(std::move(transport)) {}

Client::~Client() = default;

absl::StatusOr<RolloutResult> Client::Rollout(const RolloutArguments& arguments) const {
  v1::RolloutRequest request;
  if (absl::Status status = FillRequest(arguments, &request); !status.ok()) return status;
  absl::StatusOr<v1::RolloutReply> reply = transport_->Call<v1::RolloutReply>(
      /*repeatable=*/true, [&](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.Rollout(context, request, out);
      });
  if (!reply.ok()) return reply.status();
  return RolloutResult::FromReply(*std::move(reply));
}

void Client::RolloutAsync(const RolloutArguments& arguments, RolloutCallback done) const {
  v1::RolloutRequest request;
  if (absl::Status status = FillRequest(arguments, &request); !status.ok()) {
    done(status);
    return;
  }
  transport_->StartRollout(std::move(request), std::move(done));
}

std::future<absl::StatusOr<RolloutResult>> Client::RolloutFuture(
    const RolloutArguments& arguments) const {
  auto promise = std::make_shared<std::promise<absl::StatusOr<RolloutResult>>>();
  std::future<absl::StatusOr<RolloutResult>> future = promise->get_future();
  RolloutAsync(arguments, [promise](absl::StatusOr<RolloutResult> result) {
    promise->set_value(std::move(result));
  });
  return future;
}

absl::StatusOr<v1::GradientReply> Client::Gradient(const v1::GradientRequest& request) const {
  return transport_->Call<v1::GradientReply>(
      /*repeatable=*/true, [&](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.Gradient(context, request, out);
      });
}

absl::StatusOr<v1::LinearizeReply> Client::Linearize(const v1::LinearizeRequest& request) const {
  return transport_->Call<v1::LinearizeReply>(
      /*repeatable=*/true, [&](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.Linearize(context, request, out);
      });
}

absl::StatusOr<v1::Model> Client::GetModel(const std::string& model, bool dimension_errors) const {
  v1::GetModelRequest request;
  request.set_model(model);
  request.set_dimension_errors(dimension_errors);
  return transport_->Call<v1::Model>(
      /*repeatable=*/true, [&](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.GetModel(context, request, out);
      });
}

absl::StatusOr<v1::ListModelsReply> Client::ListModels() const {
  return transport_->Call<v1::ListModelsReply>(
      /*repeatable=*/true, [](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.ListModels(context, v1::ListModelsRequest(), out);
      });
}

absl::StatusOr<v1::ReportTransitionsReply> Client::ReportTransitions(
    const TransitionReport& report) const {
  v1::ReportTransitionsRequest request;
  if (absl::Status status = FillRequest(report, &request); !status.ok()) return status;
  return transport_->Call<v1::ReportTransitionsReply>(
      /*repeatable=*/false, [&](auto& stub, grpc::ClientContext* context, auto* out) {
        return stub.ReportTransitions(context, request, out);
      });
}

absl::Status Client::Authorize(grpc::ClientContext* context) const {
  return transport_->Authorize(context);
}

std::shared_ptr<grpc::Channel> Client::channel() const { return transport_->channel(); }

absl::StatusOr<bool> Client::IsServing(const std::string& service) const {
  return transport_->CheckHealth(service);
}

}  // namespace rollout
