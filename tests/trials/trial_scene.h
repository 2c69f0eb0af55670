// A server, the folder it serves, and client processes that keep it busy.
#ifndef ROLLOUT_TESTS_TRIALS_TRIAL_SCENE_H_
#define ROLLOUT_TESTS_TRIALS_TRIAL_SCENE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/support/temporary_directory.h"
#include "tests/trials/judgements.h"
#include "tests/trials/request_log.h"
#include "tests/trials/server_process.h"
#include "tests/trials/trial_model.h"
#include "tests/trials/trial_publisher.h"

namespace rollout {

struct SceneOptions {
  std::string model = "small";
  std::string repository;       // empty = in the scene's folder
  ServerProcessOptions server;  // repository and folder are the scene's
};

// Clients that ask steadily; what they saw is read when they have ended.
struct AskingOptions {
  QueryShape shape;
  double rate = 50.0;  // of each client, a second; 0 = closed loop
  int in_flight = 1;
  int clients = 1;
  absl::Duration duration = absl::InfiniteDuration();
  absl::Duration deadline = absl::Seconds(30);  // of each request
};

// Owned and used by one thread; everything ends with it, clients first.
class TrialScene {
 public:
  // Version 1 is published and served when this returns.
  static absl::StatusOr<std::unique_ptr<TrialScene>> Start(const SceneOptions& options);

  // This program with a sub-command for client processes, `--server` and `--model` added; what it
  // prints is in LogOf(name). `prefix` goes before: "ip netns exec ...".
  absl::StatusOr<std::unique_ptr<ChildProcess>> StartClient(
      const std::string& name, const std::string& command,
      const std::vector<std::string>& arguments, const std::vector<std::string>& prefix = {});
  std::string LogOf(const std::string& name) const;
  // Waits until a client has printed `text`.
  absl::Status WaitForLog(const std::string& name, const std::string& text, ChildProcess* client);

  // Further clients that ask until they have asked for `duration` or StopAsking comes.
  absl::Status StartAsking(const AskingOptions& options);
  // Waits for them (told to end where their duration is infinite); all they saw, in order.
  absl::StatusOr<std::vector<RequestRecord>> FinishAsking();

  // That no request failed and no answer was wrong. `seed_of` tells the weights of a version.
  absl::Status JudgeAnswers(const std::vector<RequestRecord>& records, RightAnswers* right,
                            Judgements* judgements) const;

  std::string path(const std::string& name) const { return (folder_ / name).string(); }
  ServerProcess& server() { return *server_; }
  TrialPublisher& publisher() { return *publisher_; }

 private:
  TrialScene() = default;
  std::string FirstMessages() const;

  const TemporaryDirectory folder_;
  std::unique_ptr<TrialPublisher> publisher_;
  std::unique_ptr<ServerProcess> server_;
  struct Asking {
    std::string name;
    bool endless = false;
    std::unique_ptr<ChildProcess> process;
  };
  std::vector<Asking> asking_;
  std::vector<std::string> asked_;  // names of all that ever asked
};

}  // namespace rollout

#endif  // ROLLOUT_TESTS_TRIALS_TRIAL_SCENE_H_
