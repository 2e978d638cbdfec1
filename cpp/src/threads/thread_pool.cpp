// A queue of jobs under one mutex; within a job, tasks are claimed by an atomic counter.
#include "filbert/threads/thread_pool.hpp"

#include <atomic>
#include <exception>
#include <system_error>

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

struct ThreadPool::Job {
  Job(const std::function<void(int)>& all, int number) : task(all), tasks(number) {}

  const std::function<void(int)>& task;
  int tasks;
  std::atomic<int> next = 0;
  int helpers = 0;  // threads beside the caller's that may still touch this
  std::mutex error_mutex;
  std::exception_ptr error;
};

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

void ThreadPool::run(int tasks, const std::function<void(int)>& task) {
  if (tasks <= 0) return;
  Job job(task, tasks);
  if (tasks > 1 && threads_ > 1) {
    {
      const std::lock_guard lock(mutex_);
      start_helpers(std::min(tasks, threads_) - 1);
      queue_.push_back(&job);
    }
    job_came_.notify_all();
    work_on(job);
    std::unique_lock lock(mutex_);
    leave_queue(job);
    helper_left_.wait(lock, [&job] { return job.helpers == 0; });
  } else {
    work_on(job);
  }
  if (job.error) std::rethrow_exception(job.error);
}

void ThreadPool::work_on(Job& job) {
  for (int i = job.next++; i < job.tasks; i = job.next++) {
    try {
      job.task(i);
    } catch (...) {
      const std::lock_guard lock(job.error_mutex);
      if (!job.error) job.error = std::current_exception();
      job.next = job.tasks;
    }
  }
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
    if (++job.helpers >= job.tasks - 1) queue_.pop_front();  // the caller takes one
    lock.unlock();
    work_on(job);
    lock.lock();
    leave_queue(job);  // every task is taken
    if (--job.helpers == 0) helper_left_.notify_all();
  }
}

void ThreadPool::leave_queue(Job& job) { std::erase(queue_, &job); }

}  // namespace filbert
