// Whose lanes go next.
#ifndef ROLLOUT_SERVER_BATCHING_FAIR_QUEUE_H_
#define ROLLOUT_SERVER_BATCHING_FAIR_QUEUE_H_

#include <cstdint>
#include <functional>
#include <list>
#include <unordered_map>

#include "server/batching/rollout_task.h"

namespace rollout {

// The tasks of which some lanes wait. Clients take turns; a turn is kTurnLanes lanes or what the
// client has, from its oldest task on, so that neither a flood of requests nor one with very many
// lanes keeps another client waiting for more than a turn of every client. No lock, no clock, no
// thread: the same calls give the same answers.
class FairQueue {
 public:
  static constexpr int64_t kTurnLanes = 32;

  struct Turn {
    RolloutTask* task = nullptr;
    int64_t first = 0;  // lane
    int64_t count = 0;
  };

  bool empty() const { return turns_.empty(); }
  int64_t lanes() const { return lanes_; }
  int64_t bytes() const { return bytes_; }

  void Push(RolloutTask* task);
  // Of a task in the queue; its waiting lanes go.
  void Remove(RolloutTask* task);

  // The task whose lanes Take would give; null where none waits.
  RolloutTask* Next() const;
  // At most `most` lanes of Next(), which leaves the queue with its last lane. All of a task that
  // runs alone go at once. The queue must not be empty.
  Turn Take(int64_t most);

  // In the order of clients' turns, oldest first for each.
  void ForEach(const std::function<void(RolloutTask*)>& visit) const;

 private:
  struct Client {
    uint64_t id = 0;
    std::list<RolloutTask*> tasks;  // oldest first, never empty
    int64_t taken = 0;              // lanes of the present turn
  };
  using Clients = std::list<Client>;

  std::list<Client> turns_;  // the front one's turn
  std::unordered_map<uint64_t, Clients::iterator> clients_;
  int64_t lanes_ = 0;
  int64_t bytes_ = 0;
};

}  // namespace rollout

#endif  // ROLLOUT_SERVER_BATCHING_FAIR_QUEUE_H_
