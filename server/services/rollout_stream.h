// Many rollouts on one bidirectional call.
#ifndef ROLLOUT_SERVER_SERVICES_ROLLOUT_STREAM_H_
#define ROLLOUT_SERVER_SERVICES_ROLLOUT_STREAM_H_

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/mutex.h"
#include "server/batching/rollout_task.h"
#include "server/metrics/server_metrics.h"
#include "server/services/open_streams.h"
#include "server/services/rollout_call.h"
#include "server/services/stream_versions.h"

namespace rollout {

// How a protocol words the answers of a stream. Stateless; any thread. Owned by the service.
class StreamWire {
 public:
  virtual ~StreamWire() = default;
  virtual const RolloutCodec& codec() const = 0;
  // One answer with the reply that the codec made.
  virtual grpc::ByteBuffer Answer(const std::string& id, const grpc::ByteBuffer& reply) const = 0;
  virtual grpc::ByteBuffer Refusal(const std::string& id, const absl::Status& status) const = 0;
};

// rollout.v1.StreamRolloutReply.
std::unique_ptr<StreamWire> MakeTransitionModelStreamWire();
// inference.ModelStreamInferResponse.
std::unique_ptr<StreamWire> MakeInferenceStreamWire();

// Reads requests as RolloutCall does and queues each as a call of its own would be; answers leave
// in the order in which they are ready. A request that cannot be answered gets a refusal, and the
// stream goes on. Flow control: nothing more is read while `max_requests` of the stream's requests
// have no written answer, or while these hold `max_reply_bytes` or more; so a reader that is slow
// fills neither the server's memory nor anybody else's way. Ends when the caller has half-closed
// and everything is answered, or when the server drains. Lives until gRPC is done with it.
class RolloutStream final : public grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>,
                            public OpenStream {
 public:
  using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

  // `wire` and `method` outlive the stream.
  static Reactor* Start(const CallEnvironment& environment, const StreamWire* wire,
                        ServerMetrics::Method* method, grpc::CallbackServerContext* context);

  RolloutStream(const CallEnvironment& environment, const StreamWire* wire,
                ServerMetrics::Method* method, grpc::CallbackServerContext* context);

 private:
  // One request in flight; owns what its task points at.
  struct Request {
    absl::Time arrived;
    DecodedRollout decoded;
    std::optional<RolloutAnswer> answer;
    RolloutTask task;
    int64_t bytes = 0;  // of query and answer
  };
  // What waits to be written.
  struct Reply {
    grpc::ByteBuffer bytes;
    bool admitted = false;
    int64_t held_bytes = 0;  // counted for it
  };

  void Accept(const grpc::ByteBuffer& bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // On a thread of the engine, the reading one, or whichever cancels.
  void Computed(Request* request, const absl::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);
  void Refuse(RequestNames names, const absl::Status& status, absl::Time arrived, bool admitted)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // OK where the stream's caller still waits for what it sends.
  absl::Status Waits(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  void OnReadDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnWriteDone(bool ok) override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel() override ABSL_LOCKS_EXCLUDED(mutex_);
  void OnDone() override;
  void RegistryChanged() override {}
  void Drain() override ABSL_LOCKS_EXCLUDED(mutex_);

  // Starts what can be started: a read, a write, the end.
  void GoOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Push(Reply reply) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answered(const Reply& reply) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void DropReplies() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const CallEnvironment environment_;
  const StreamWire* const wire_;
  ServerMetrics::Method* const method_;
  grpc::CallbackServerContext* const context_;
  StreamVersions versions_;   // of whoever accepts: one at a time
  grpc::ByteBuffer reading_;  // gRPC's, while reads_

  Mutex mutex_;
  std::map<Request*, std::shared_ptr<Request>> in_flight_ ABSL_GUARDED_BY(mutex_);
  std::deque<Reply> replies_ ABSL_GUARDED_BY(mutex_);  // the first is being written where writes_
  int64_t unanswered_ ABSL_GUARDED_BY(mutex_) = 0;     // read, and no answer written yet
  int64_t held_bytes_ ABSL_GUARDED_BY(mutex_) = 0;     // of these
  bool reads_ ABSL_GUARDED_BY(mutex_) = false;
  // What was read is being queued, somewhere: the stream neither reads on nor ends meanwhile.
  bool accepting_ ABSL_GUARDED_BY(mutex_) = false;
  bool writes_ ABSL_GUARDED_BY(mutex_) = false;
  bool half_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_SERVICES_ROLLOUT_STREAM_H_
