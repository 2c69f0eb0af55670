#include "models/engines/fused/thread_pool.h"

#include <pthread.h>

#include <algorithm>

namespace rollout::fused {

ThreadPool::ThreadPool(int threads)
    : worker_summoned_(threads), asleep_(threads, 0), processors_(threads, -1), idle_(threads) {
  CPU_ZERO(&allowed_);
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) CPU_ZERO(&allowed_);
  places_.assign(threads, allowed_);
  for (int index = 1; index < threads; ++index) {
    workers_.emplace_back([this, index] { Work(index); });
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  for (ConditionVariable& summoned : worker_summoned_) summoned.NotifyAll();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Run(absl::FunctionRef<void(int)> task) {
  MutexLock lock(&mutex_);
  task_ = &task;
  ++summons_;
  idle_.fetch_sub(1, std::memory_order_relaxed);
  Answer(0);
  while (running_ > 0 || summons_ > 0) {
    if (summons_ > 0) {
      Answer(0);
    } else {
      caller_waits_ = true;
      caller_needed_.Wait(&mutex_);
      caller_waits_ = false;
    }
  }
  task_ = nullptr;
}

void ThreadPool::Summon() {
  if (idle_.load(std::memory_order_relaxed) <= 0) return;
  MutexLock lock(&mutex_);
  if (running_ + summons_ >= threads()) return;
  ++summons_;
  idle_.fetch_sub(1, std::memory_order_relaxed);
  if (caller_waits_) {
    caller_waits_ = false;  // the next one goes to a worker
    caller_needed_.NotifyOne();
    return;
  }
  // Where none is asleep, one is on its way back from a summons that the caller answered.
  const auto worker = std::find(asleep_.begin(), asleep_.end(), 1);
  if (worker == asleep_.end()) return;
  *worker = 0;
  const int index = static_cast<int>(worker - asleep_.begin());
  Place(index);
  worker_summoned_[index].NotifyOne();
}

void ThreadPool::Answer(int index) {
  const absl::FunctionRef<void(int)> task = *task_;
  --summons_;
  ++running_;
  processors_[index] = sched_getcpu();
  mutex_.Unlock();
  task(index);
  mutex_.Lock();
  processors_[index] = -1;
  --running_;
  idle_.fetch_add(1, std::memory_order_relaxed);
  if (running_ == 0 && summons_ == 0) caller_needed_.NotifyOne();
}

void ThreadPool::Place(int index) {
  cpu_set_t free = allowed_;
  const auto clear = [&](int processor) {
    if (processor >= 0 && processor < CPU_SETSIZE) CPU_CLR(processor, &free);
  };
  clear(sched_getcpu());  // the summoning thread's, which may have moved since it began
  for (int processor : processors_) clear(processor);
  // With more threads than processors they share; where the system refuses, it decides.
  if (CPU_COUNT(&free) == 0 || CPU_EQUAL(&free, &places_[index])) return;
  places_[index] = free;
  pthread_setaffinity_np(workers_[index - 1].native_handle(), sizeof free, &free);
}

void ThreadPool::Work(int index) {
  MutexLock lock(&mutex_);
  while (true) {
    while (!stopping_ && summons_ == 0) {
      asleep_[index] = 1;
      worker_summoned_[index].Wait(&mutex_);
      asleep_[index] = 0;
    }
    if (stopping_) return;
    Answer(index);
  }
}

}  // namespace rollout::fused
