#include "models/engines/fused/thread_pool.h"

namespace rollout::fused {

ThreadPool::ThreadPool(int threads) {
  for (int index = 1; index < threads; ++index) {
    workers_.emplace_back([this, index] { Work(index); });
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  work_arrived_.NotifyAll();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::Run(int count, absl::FunctionRef<void(int)> task) {
  if (count > 1) {
    MutexLock lock(&mutex_);
    task_ = &task;
    count_ = count;
    running_ = count - 1;
    ++round_;
    work_arrived_.NotifyAll();
  }
  task(0);
  if (count > 1) {
    MutexLock lock(&mutex_);
    while (running_ > 0) work_done_.Wait(&mutex_);
    task_ = nullptr;
  }
}

void ThreadPool::Work(int index) {
  uint64_t last_round = 0;
  mutex_.Lock();
  while (true) {
    while (!stopping_ && round_ == last_round) work_arrived_.Wait(&mutex_);
    if (stopping_) break;
    last_round = round_;
    if (index >= count_) continue;
    const absl::FunctionRef<void(int)> task = *task_;
    mutex_.Unlock();
    task(index);
    mutex_.Lock();
    if (--running_ == 0) work_done_.NotifyOne();
  }
  mutex_.Unlock();
}

}  // namespace rollout::fused
