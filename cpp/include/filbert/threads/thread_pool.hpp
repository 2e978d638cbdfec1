// Threads that wait for work, so that a block of rows costs a wake-up and not a new thread.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace filbert {

/// A fixed number of threads for short pieces of work. The caller of `run` works too, so `run` may be called from several
/// threads, and from inside a task, and always comes to its end.
class ThreadPool {
 public:
  /// Calls of `task(i)` for each i in [0, tasks), once and in any order, which the other threads of a pool begin while its maker does
  /// something else. What the task refers to must live as long.
  class Job {
   public:
    Job(ThreadPool& pool, int tasks, std::function<void(int)> task);
    ~Job();  ///< No further task starts, and those that have come to their end.
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;

    /// Works too, and returns when all tasks are done. After an exception no further task starts, and the first one is thrown again
    /// here.
    void finish();

   private:
    friend ThreadPool;
    void work();
    void wait();

    ThreadPool& pool_;
    int tasks_;
    std::function<void(int)> task_;
    std::atomic<int> next_ = 0;
    int helpers_ = 0;  // threads beside the maker's that may still touch this
    std::mutex error_mutex_;
    std::exception_ptr error_;
  };

  /// At most `threads` threads work for one caller, the caller among them. They start when they are first needed.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// The pool of this process, with as many threads as processors are available. A forked child, which inherits no threads,
  /// gets a pool of its own. Never destroyed: threads of the interpreter may outlive static objects.
  static ThreadPool& shared();

  int threads() const { return threads_; }

  /// A job, from its beginning to its end.
  void run(int tasks, const std::function<void(int)>& task) { Job(*this, tasks, task).finish(); }

 private:
  void start_helpers(int wanted);
  void help();

  int threads_;
  std::mutex mutex_;  // guards all below, and of each job the number of helpers
  std::condition_variable job_came_, helper_left_;
  std::deque<Job*> queue_;
  bool stopping_ = false;
  std::vector<std::thread> helpers_;
};

/// Calls `work(first, last)` for consecutive ranges that make up [0, n): at most `threads` of them, each of at least `least`
/// where there are several. What ranges there are depends on these numbers alone, not on the machine.
template <typename Work>
void share(Eigen::Index n, int threads, Eigen::Index least, const Work& work) {
  if (threads < 1) throw std::invalid_argument("threads must be at least 1, not " + std::to_string(threads));
  const Eigen::Index most = std::clamp<Eigen::Index>(n / std::max<Eigen::Index>(least, 1), 1, threads);
  if (most == 1) {
    work(Eigen::Index{0}, n);
    return;
  }
  const auto bound = [n, most](int i) {
    return n / most * i + n % most * i / most;
  };  // n i / most, which could overflow
  ThreadPool::shared().run(static_cast<int>(most), [&](int i) { work(bound(i), bound(i + 1)); });
}

}  // namespace filbert
