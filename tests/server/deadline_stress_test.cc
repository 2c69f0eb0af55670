// Sixty-four clients that give up: deadlines of a millisecond and cancellations at any moment, over
// real connections, while versions are published. Written for the sanitizers as much as for what it
// asserts.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/random.h"
#include "models/engines/fused/fused_engine.h"
#include "server/services/hand_over.h"
#include "tests/server/test_server.h"
#include "tests/support/random_model.h"
#include "tests/support/status_matchers.h"

namespace rollout {
namespace {

constexpr int kClients = 64;
constexpr int kCallsOfClient = 24;
constexpr int kConnections = 8;
constexpr int kQueries = 6;
constexpr int kVersions = 6;
constexpr auto kDeadline = std::chrono::milliseconds(1);

// Computed in some 0.1 ms to 10 ms, so that a deadline finds rollouts on arrival, in the queue and
// half computed.
TransitionModelSpec Spec() {
  SpecChoice choice;
  choice.kind = DynamicsKind::kNodeSo;
  choice.method = IntegratorMethod::kEuler;
  choice.num_positions = 2;
  choice.num_controls = 2;
  choice.hidden_sizes = {32, 32};
  choice.substeps = 64;
  TransitionModelSpec spec = MakeSpec(choice);
  spec.name = "model";
  return spec;
}

v1::RolloutRequest Request(int query) {
  v1::RolloutRequest request = MakeRolloutRequest("model", 1 + 3 * query, 4 << query, query);
  request.mutable_outputs()->set_final_state(true);
  return request;
}

// How often calls ended with each code, and what was answered wrongly. Any thread.
class Outcomes {
 public:
  void Ended(grpc::StatusCode code) {
    MutexLock lock(&mutex_);
    ++codes_[code];
  }
  void Answered(uint64_t version, int query, const std::string& final_state) {
    MutexLock lock(&mutex_);
    answers_[{version, query}].insert(final_state);
  }
  std::map<grpc::StatusCode, int> codes() {
    MutexLock lock(&mutex_);
    return codes_;
  }
  // By version and query: every final state that was answered, as bytes.
  std::map<std::pair<uint64_t, int>, std::set<std::string>> answers() {
    MutexLock lock(&mutex_);
    return answers_;
  }

 private:
  Mutex mutex_;
  std::map<grpc::StatusCode, int> codes_ ABSL_GUARDED_BY(mutex_);
  std::map<std::pair<uint64_t, int>, std::set<std::string>> answers_ ABSL_GUARDED_BY(mutex_);
};

// One client: calls of every kind, one after the other, on one thread.
class ImpatientClient {
 public:
  ImpatientClient(std::shared_ptr<grpc::Channel> channel, uint64_t seed, Outcomes* outcomes)
      : transition_model_(v1::TransitionModel::NewStub(channel)),
        inference_(inference::GRPCInferenceService::NewStub(channel)),
        random_(seed),
        outcomes_(outcomes) {}

  void Run() {
    for (int call = 0; call < kCallsOfClient; ++call) {
      const int query = static_cast<int>(random_.UniformInteger(kQueries));
      switch (random_.UniformInteger(6)) {
        case 0:
          Rollout(query, /*deadline=*/false);
          break;
        case 1:
          Rollout(query, /*deadline=*/true);
          break;
        case 2:
          CancelledRollout(query);
          break;
        case 3:
          Infer(query);
          break;
        case 4:
          Gradient(query);
          break;
        default:
          AbandonedStream(query);
      }
    }
  }

 private:
  void Rollout(int query, bool deadline) {
    grpc::ClientContext context;
    if (deadline) context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    v1::RolloutReply reply;
    const grpc::Status status = transition_model_->Rollout(&context, Request(query), &reply);
    if (status.ok()) outcomes_->Answered(reply.version(), query, reply.final_state().data());
    outcomes_->Ended(status.error_code());
  }

  // A call that ends on a thread of gRPC's.
  struct Pending {
    grpc::ClientContext context;
    v1::RolloutRequest request;
    v1::RolloutReply reply;
    HandOver started;  // to its end
    Mutex mutex;
    ConditionVariable finished;
    std::optional<grpc::Status> status ABSL_GUARDED_BY(mutex);
  };

  void CancelledRollout(int query) {
    Pending call;
    call.request = Request(query);
    call.started.Leave();
    // One pointer, which std::function keeps in itself: gRPC moves it to the thread that ends the
    // call by locks that the thread sanitizer cannot see.
    transition_model_->async()->Rollout(&call.context, &call.request, &call.reply,
                                        [call = &call](const grpc::Status& status) {
                                          call->started.Take();
                                          MutexLock lock(&call->mutex);
                                          call->status = status;
                                          call->finished.NotifyAll();
                                        });
    const uint64_t turns = random_.UniformInteger(200);
    for (uint64_t turn = 0; turn < turns; ++turn) std::this_thread::yield();
    call.context.TryCancel();
    MutexLock lock(&call.mutex);
    while (!call.status) call.finished.Wait(&call.mutex);
    if (call.status->ok()) {
      outcomes_->Answered(call.reply.version(), query, call.reply.final_state().data());
    }
    outcomes_->Ended(call.status->error_code());
  }

  void Infer(int query) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    inference::ModelInferResponse reply;
    const auto request = MakeInferRequest("model", 1 + 3 * query, 4 << query, query);
    outcomes_->Ended(inference_->ModelInfer(&context, request, &reply).error_code());
  }

  void Gradient(int query) {
    const v1::RolloutRequest rollout = Request(query);
    v1::GradientRequest request;
    request.set_model("model");
    *request.mutable_initial_states() = rollout.initial_states();
    *request.mutable_controls() = rollout.controls();
    const uint64_t lanes = rollout.controls().shape(0);
    *request.mutable_final_state_cotangents() =
        MakeTensor({lanes, 4}, std::vector<float>(lanes * 4, 1.0f));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kDeadline);
    v1::GradientReply reply;
    outcomes_->Ended(transition_model_->Gradient(&context, request, &reply).error_code());
  }

  // Some requests in flight, some answers read, then it is gone.
  void AbandonedStream(int query) {
    grpc::ClientContext context;
    const auto stream = transition_model_->StreamRollout(&context);
    for (int i = 0; i <= query; ++i) {
      if (!stream->Write(Request(i))) break;
    }
    v1::StreamRolloutReply reply;
    const uint64_t reads = random_.UniformInteger(query + 2);  // no more than were asked
    for (uint64_t read = 0; read < reads && stream->Read(&reply); ++read) {
    }
    context.TryCancel();
    while (stream->Read(&reply)) {
    }
    outcomes_->Ended(stream->Finish().error_code());
  }

  const std::unique_ptr<v1::TransitionModel::Stub> transition_model_;
  const std::unique_ptr<inference::GRPCInferenceService::Stub> inference_;
  Random random_;
  Outcomes* const outcomes_;
};

// What the engine computes for a query with the weights of `seed`, in this very process.
std::string FinalState(uint64_t seed, int query) {
  const v1::RolloutRequest request = Request(query);
  const TransitionModel model = RandomModel(Spec(), seed);
  const auto engine = FusedCpuEngineModule().create(model, {.device = "cpu", .threads = 1});
  EXPECT_THAT(engine, IsOk());
  const std::vector<float> states = Floats(request.initial_states());
  std::vector<float> controls = Floats(request.controls());
  RolloutJob job;
  job.lanes = request.controls().shape(0);
  job.horizon = request.controls().shape(1);
  ClipControls(model.spec, absl::MakeSpan(controls));
  job.initial_states = states;
  job.controls = controls;
  std::vector<float> final_state(job.lanes * 4);
  job.final_state = absl::MakeSpan(final_state);
  EXPECT_OK((*engine)->Rollout({&job, 1}));
  return std::string(reinterpret_cast<const char*>(final_state.data()),
                     final_state.size() * sizeof(float));
}

class DeadlineStressTest : public ServerTest {
 protected:
  std::shared_ptr<grpc::Channel> Connect() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(server_->listen_address(), grpc::InsecureChannelCredentials(),
                                     arguments);
  }
};

TEST_F(DeadlineStressTest, ClientsThatGiveUpLeaveRightAnswersAndAnEmptyQueueBehind) {
  // Room for a part of what comes, so that calls are refused, too.
  options_.batch.queue_lanes = 64;
  options_.batch.batch_lanes = 64;
  options_.request.max_lanes = 64;
  options_.engine.threads = 2;
  repository_.Publish(Spec(), 1);
  StartServer();
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < kConnections; ++i) channels.push_back(Connect());

  Outcomes outcomes;
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back(
        [&, i] { ImpatientClient(channels[i % kConnections], i, &outcomes).Run(); });
  }
  for (int version = 2; version <= kVersions; ++version) repository_.Publish(Spec(), version);
  for (std::thread& client : clients) client.join();

  int calls = 0;
  for (const auto& [code, count] : outcomes.codes()) {
    calls += count;
    EXPECT_THAT(code, testing::AnyOf(grpc::StatusCode::OK, grpc::StatusCode::CANCELLED,
                                     grpc::StatusCode::DEADLINE_EXCEEDED,
                                     grpc::StatusCode::RESOURCE_EXHAUSTED))
        << count << " calls";
  }
  EXPECT_EQ(calls, kClients * kCallsOfClient);
  EXPECT_GT(outcomes.codes()[grpc::StatusCode::DEADLINE_EXCEEDED], 0);
  EXPECT_GT(outcomes.codes()[grpc::StatusCode::CANCELLED], 0);
  EXPECT_FALSE(outcomes.answers().empty());
  for (const auto& [asked, final_states] : outcomes.answers()) {
    const auto [version, query] = asked;
    EXPECT_THAT(final_states, testing::ElementsAre(FinalState(version, query)))
        << "version " << version << ", query " << query;
  }

  // What is abandoned leaves at the next transition: then a full queue's worth fits again.
  grpc::StatusCode code = grpc::StatusCode::RESOURCE_EXHAUSTED;
  while (code == grpc::StatusCode::RESOURCE_EXHAUSTED) {
    grpc::ClientContext context;
    v1::RolloutReply reply;
    code = transition_model_->Rollout(&context, MakeRolloutRequest("model", 64, 1), &reply)
               .error_code();
  }
  EXPECT_EQ(code, grpc::StatusCode::OK);
  EXPECT_TRUE(server_->Drain()) << "a request was never answered";
}

}  // namespace
}  // namespace rollout
