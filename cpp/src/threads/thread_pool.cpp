// A queue of jobs under one mutex; within a job, tasks are claimed by an atomic counter.
#include "filbert/threads/thread_pool.hpp"

#include <system_error>
#include <utility>

#ifndef _WIN32
#include <unistd.h>
#endif

#include "filbert/threads/available_processors.hpp"

namespace filbert {
namespace {

long process_id() {
#ifdef _WIN32
  return 0;  // no fork
#else
  return static_cast<long>(getpid());
#endif
}

struct ProcessPool {
  ThreadPool pool{available_processors()};
  long process = process_id();
};

}  // namespace

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  if (threads < 1) throw std::invalid_argument("threads must be at least 1, not " + std::to_string(threads));
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  job_came_.notify_all();
  for (std::thread& helper : helpers_) helper.join();
}

ThreadPool& ThreadPool::shared() {
  // Not a mutex, which another thread may hold at the moment of a fork. What a child replaces is lost on purpose: its threads
  // are not there to be joined.
  static constinit std::atomic<ProcessPool*> current = nullptr;
  ProcessPool* found = current.load(std::memory_order_acquire);
  if (found != nullptr && found->process == process_id()) return found->pool;
  ProcessPool* const fresh = new ProcessPool;
  if (current.compare_exchange_strong(found, fresh, std::memory_order_acq_rel)) return fresh->pool;
  delete fresh;  // another thread was first
  return found->pool;
}

ThreadPool::Job::Job(ThreadPool& pool, int tasks, std::function<void(int)> task)
    : pool_(pool), tasks_(tasks), task_(std::move(task)) {
  if (tasks <= 1 || pool.threads_ <= 1) return;
  {
    const std::lock_guard lock(pool.mutex_);
    pool.start_helpers(std::min(tasks, pool.threads_) - 1);
    pool.queue_.push_back(this);
  }
  pool.job_came_.notify_all();
}

ThreadPool::Job::~Job() {
  next_ = tasks_;
  wait();
}

void ThreadPool::Job::finish() {
  work();
  wait();
  if (error_) std::rethrow_exception(error_);
}

void ThreadPool::Job::work() {
  for (int i = next_++; i < tasks_; i = next_++) {
    try {
      task_(i);
    } catch (...) {
      const std::lock_guard lock(error_mutex_);
      if (!error_) error_ = std::current_exception();
      next_ = tasks_;
    }
  }
}

/// For the helpers that have begun.
void ThreadPool::Job::wait() {
  std::unique_lock lock(pool_.mutex_);
  std::erase(pool_.queue_, this);
  pool_.helper_left_.wait(lock, [this] { return helpers_ == 0; });
}

void ThreadPool::start_helpers(int wanted) {
  try {
    while (static_cast<int>(helpers_.size()) < wanted) helpers_.emplace_back([this] { help(); });
  } catch (const std::system_error&) {
    // The system gives no more threads. Those that there are, and the caller, do the work.
  }
}

void ThreadPool::help() {
  std::unique_lock lock(mutex_);
  while (true) {
    job_came_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    Job& job = *queue_.front();
    if (++job.helpers_ >= job.tasks_ - 1) queue_.pop_front();  // its maker takes one
    lock.unlock();
    job.work();
    lock.lock();
    std::erase(queue_, &job);  // every task is taken
    if (--job.helpers_ == 0) helper_left_.notify_all();
  }
}

}  // namespace filbert
