#include "models/engines/fused/thread_pool.h"

#include <algorithm>

namespace rollout::fused {

ThreadPool::ThreadPool(int threads) : processors_(threads, -1), idle_(threads) {
  CPU_ZERO(&allowed_);
  if (sched_getaffinity(0, sizeof allowed_, &allowed_) != 0) CPU_ZERO(&allowed_);
  for (int index = 1; index < threads; ++index) {
    workers_.emplace_back([this, index] { Work(index); });
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  worker_summoned_.NotifyAll();
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
  } else {
    worker_summoned_.NotifyOne();
  }
}

void ThreadPool::Answer(int index) {
  const absl::FunctionRef<void(int)> task = *task_;
  --summons_;
  ++running_;
  if (index > 0) FindFreeProcessor();
  processors_[index] = sched_getcpu();
  mutex_.Unlock();
  task(index);
  mutex_.Lock();
  processors_[index] = -1;
  --running_;
  idle_.fetch_add(1, std::memory_order_relaxed);
  if (running_ == 0 && summons_ == 0) caller_needed_.NotifyOne();
}

void ThreadPool::FindFreeProcessor() {
  const int here = sched_getcpu();
  if (here < 0) return;  // unknown
  if (std::find(processors_.begin(), processors_.end(), here) == processors_.end()) return;
  cpu_set_t free = allowed_;
  for (int processor : processors_) {
    if (processor >= 0 && processor < CPU_SETSIZE) CPU_CLR(processor, &free);
  }
  // With more threads than processors, or where the system refuses, they share.
  if (CPU_COUNT(&free) > 0) sched_setaffinity(0, sizeof free, &free);
}

void ThreadPool::Work(int index) {
  MutexLock lock(&mutex_);
  while (true) {
    while (!stopping_ && summons_ == 0) worker_summoned_.Wait(&mutex_);
    if (stopping_) return;
    Answer(index);
  }
}

}  // namespace rollout::fused
