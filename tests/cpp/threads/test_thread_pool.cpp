// The pool: every task once, callers beside and inside each other, exceptions, a forked child.
#include "filbert/threads/thread_pool.hpp"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <set>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#ifdef __linux__
#include <sys/wait.h>
#include <unistd.h>
#endif

using Eigen::Index;
using filbert::ThreadPool;

TEST_CASE("each task is done once, by few threads or many") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    for (const int tasks : {0, 1, 3, 100}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(tasks));
      pool.run(tasks, [&](int i) { ++done[static_cast<std::size_t>(i)]; });
      for (const auto& count : done) CHECK(count == 1);
    }
  }
}

TEST_CASE("no more threads work than the pool has, and more than one does") {
  ThreadPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  std::atomic<int> running = 0, most = 0;
  pool.run(60, [&](int) {
    const int now = ++running;
    if (now > most) most = now;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    {
      const std::lock_guard lock(mutex);
      seen.insert(std::this_thread::get_id());
    }
    --running;
  });
  CHECK(seen.size() > 1);
  CHECK(most <= 3);
}

TEST_CASE("a job is begun by others, and what is left when it is dropped is not done") {
  ThreadPool pool(2);
  std::atomic<int> done = 0;
  {
    ThreadPool::Job job(pool, 3, [&](int) { ++done; });
    while (done < 3) std::this_thread::yield();  // never, if nobody but its maker did anything
    job.finish();
    CHECK(done == 3);
  }
  std::atomic<int> running = 0;
  done = 0;
  {
    ThreadPool::Job job(pool, 1000, [&](int) {
      ++running;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++done;
      --running;
    });
    while (running == 0) std::this_thread::yield();
  }
  CHECK(running == 0);  // what had begun was waited for
  CHECK(done < 1000);
  ThreadPool alone(1);
  done = 0;
  {
    const ThreadPool::Job job(alone, 3, [&](int) { ++done; });
  }
  CHECK(done == 0);
}

TEST_CASE("many threads may use one pool, and tasks may use it too") {
  ThreadPool pool(4);
  std::atomic<int> count = 0;
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller) {
    callers.emplace_back([&] {
      for (int repeat = 0; repeat < 50; ++repeat) {
        pool.run(5, [&](int) { pool.run(3, [&](int) { ++count; }); });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(count == 4 * 50 * 5 * 3);
}

TEST_CASE("the first exception reaches the caller, and the pool goes on") {
  ThreadPool pool(3);
  std::atomic<int> started = 0;
  const auto fails = [&](int i) {
    ++started;
    if (i == 2) throw std::runtime_error("task 2");
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  };
  CHECK_THROWS_WITH_AS(pool.run(1000, fails), "task 2", std::runtime_error);
  CHECK(started < 100);
  std::atomic<int> done = 0;
  pool.run(10, [&](int) { ++done; });
  CHECK(done == 10);
}

TEST_CASE("ranges make up the whole, none below the least share") {
  for (const auto& [n, threads, least] : std::vector<std::tuple<Index, int, Index>>{
           {0, 4, 1}, {1, 4, 1}, {10, 4, 1}, {10, 4, 6}, {10, 3, 5}, {11, 64, 2}, {7, 3, 0}}) {
    std::mutex mutex;
    std::set<std::pair<Index, Index>> ranges;
    filbert::share(n, threads, least, [&](Index first, Index last) {
      const std::lock_guard lock(mutex);
      ranges.emplace(first, last);
    });
    Index end = 0;
    for (const auto& [first, last] : ranges) {
      CHECK(first == end);
      if (ranges.size() > 1) CHECK(last - first >= least);
      end = last;
    }
    CHECK(end == n);
    CHECK(static_cast<int>(ranges.size()) <= threads);
  }
  CHECK_THROWS_AS(filbert::share(3, 0, 1, [](Index, Index) {}), std::invalid_argument);
}

#ifdef __linux__
#if !defined(__SANITIZE_THREAD__)  // which does not follow threads into a child
TEST_CASE("a forked child has a pool of its own") {
  std::atomic<int> done = 0;
  ThreadPool::shared().run(8, [&](int) { ++done; });
  const pid_t child = fork();
  if (child == 0) {
    alarm(20);  // a child that waits for the parent's threads is ended, and fails
    std::atomic<int> sum = 0;
    ThreadPool::shared().run(8, [&](int i) { sum += i; });
    _exit(sum == 28 ? 0 : 1);
  }
  int status = -1;
  waitpid(child, &status, 0);
  CHECK(status == 0);
}
#endif
#endif
