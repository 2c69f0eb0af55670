#include "server/batching/fair_queue.h"

#include <algorithm>
#include <iterator>

namespace rollout {

void FairQueue::Push(RolloutTask* task) {
  const auto [found, is_new] = clients_.try_emplace(task->client);
  if (is_new) {
    turns_.emplace_back().id = task->client;
    found->second = std::prev(turns_.end());
  }
  Client& client = *found->second;
  task->queue_position = client.tasks.insert(client.tasks.end(), task);
  task->queued = true;
  lanes_ += task->job.lanes - task->taken;
  bytes_ += task->bytes;
}

void FairQueue::Remove(RolloutTask* task) {
  const auto client = clients_.find(task->client);
  client->second->tasks.erase(task->queue_position);
  task->queued = false;
  lanes_ -= task->job.lanes - task->taken;
  bytes_ -= task->bytes;
  if (client->second->tasks.empty()) {
    turns_.erase(client->second);
    clients_.erase(client);
  }
}

RolloutTask* FairQueue::Next() const {
  return turns_.empty() ? nullptr : turns_.front().tasks.front();
}

FairQueue::Turn FairQueue::Take(int64_t most) {
  Client& client = turns_.front();
  RolloutTask* const task = client.tasks.front();
  const int64_t left = task->job.lanes - task->taken;
  const int64_t count = task->alone ? left : std::min({most, left, kTurnLanes - client.taken});
  const Turn turn = {task, task->taken, count};
  client.taken += count;
  const bool turn_over = client.taken >= kTurnLanes;
  if (turn_over) {
    client.taken = 0;
    turns_.splice(turns_.end(), turns_, turns_.begin());
  }
  if (count == left) {
    Remove(task);
  } else {
    lanes_ -= count;
  }
  task->taken += count;
  return turn;
}

void FairQueue::ForEach(const std::function<void(RolloutTask*)>& visit) const {
  for (const Client& client : turns_) {
    for (RolloutTask* task : client.tasks) visit(task);
  }
}

}  // namespace rollout
