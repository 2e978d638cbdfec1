// Runs chains on threads, while the caller's thread watches.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "filbert/sampler/chain.hpp"
#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/nuts.hpp"

namespace filbert {

/// How far each chain has come. May be read by any thread at any time.
class Progress {
 public:
  explicit Progress(int chains)
      : chains_(chains), by_chain_(std::make_unique<ChainProgress[]>(static_cast<std::size_t>(std::max(chains, 0)))) {}

  int chains() const { return chains_; }
  ChainProgress& operator[](int chain) { return by_chain_[static_cast<std::size_t>(chain)]; }
  const ChainProgress& operator[](int chain) const { return by_chain_[static_cast<std::size_t>(chain)]; }

 private:
  int chains_;
  std::unique_ptr<ChainProgress[]> by_chain_;
};

/// Asked now and then, on the caller's thread, whether to go on. This one always does.
struct KeepGoing {
  bool operator()() const { return true; }
};

/// The threads that work through the chains in order, and what the caller's thread needs to wait for them.
class ChainWorkers {
 public:
  /// Starts `workers` threads, each of which calls `run(chain, stop_token)` for the next chain until none is left.
  template <typename Run>
  void start(int workers, int chains, Run run) {
    for (int i = 0; i < workers; ++i) {
      {
        const std::lock_guard lock(mutex_);
        ++working_;
      }
      try {
        threads_.emplace_back([this, chains, run] { work(chains, run); });
      } catch (...) {
        leave();
        throw;
      }
    }
  }

  void request_stop() { stop_.request_stop(); }

  /// Keeps the first error, and stops everything.
  void fail(std::exception_ptr error) {
    {
      const std::lock_guard lock(mutex_);
      if (!error_) error_ = std::move(error);
    }
    request_stop();
  }

  /// Waits until the last thread has left or the time is up. Returns whether it has left.
  bool wait_for(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return all_left_.wait_for(lock, time, [this] { return working_ == 0; });
  }

  /// Joins all threads, then throws the first error if there was one.
  void finish() {
    threads_.clear();
    if (error_) std::rethrow_exception(error_);
  }

 private:
  template <typename Run>
  void work(int chains, const Run& run) {
    try {
      for (int chain = next_chain_++; chain < chains && !stop_.stop_requested(); chain = next_chain_++) {
        run(chain, stop_.get_token());
      }
    } catch (...) {
      fail(std::current_exception());
    }
    leave();
  }

  void leave() {
    const std::lock_guard lock(mutex_);
    if (--working_ == 0) all_left_.notify_all();
  }

  std::stop_source stop_;
  std::atomic<int> next_chain_ = 0;
  std::mutex mutex_;  // guards working_ and error_
  std::condition_variable all_left_;
  int working_ = 0;
  std::exception_ptr error_;
  std::vector<std::jthread> threads_;  // last, so that they are joined before what they use is gone
};

/// Calls `run(chain, stop_token)` for every chain, and `poll` meanwhile, and returns what chains have returned. See `sample`.
template <typename Settings, typename Run, typename Poll>
auto run_chains(const Settings& settings, const Run& run, const Progress& progress, Poll& poll, std::stop_token stop,
                std::chrono::milliseconds poll_interval) {
  settings.validate();
  require_setting(progress.chains() >= settings.chains, "the number of chains in progress", progress.chains(),
                  "at least the number of chains to sample");
  std::vector<std::invoke_result_t<const Run&, int, std::stop_token>> results(
      static_cast<std::size_t>(settings.chains));
  ChainWorkers workers;
  const std::stop_callback forward_stop(std::move(stop), [&workers] { workers.request_stop(); });
  try {
    workers.start(std::min(settings.cores, settings.chains), settings.chains,
                  [&](int chain, std::stop_token chain_stop) {
                    results[static_cast<std::size_t>(chain)] = run(chain, std::move(chain_stop));
                  });
    while (!workers.wait_for(poll_interval)) {
      if (!poll()) workers.request_stop();
    }
  } catch (...) {
    workers.fail(std::current_exception());
  }
  workers.finish();
  return results;
}

/// Samples `settings.chains` chains from `density`, on at most `settings.cores` threads.
///
/// `recorder(chain, iteration, position, statistics)` gets every iteration (see DrawRecorder). Draws depend on the
/// density, the settings and the seed, never on `cores` or on timing. `poll()` runs on the calling thread every
/// `poll_interval` and returns whether to go on. A false, or a request through `stop`, ends every chain within one
/// evaluation of the density; what was recorded until then is good, and the results say how much it is.
///
/// An exception from the density, the recorder or `poll` stops all chains; the first one is thrown again after every
/// thread has joined. Bad settings throw std::invalid_argument.
template <typename Rules = TrajectoryRules, LogDensity Density, DrawRecorder Recorder, typename Poll = KeepGoing>
std::vector<ChainResult> sample(const Density& density, const SampleSettings& settings, const Recorder& recorder,
                                Progress& progress, Poll&& poll = {}, std::stop_token stop = {},
                                std::chrono::milliseconds poll_interval = std::chrono::milliseconds(50)) {
  return run_chains(
      settings,
      [&](int chain, std::stop_token chain_stop) {
        return run_chain<Rules>(density, settings, chain, recorder, std::move(chain_stop), progress[chain]);
      },
      progress, poll, std::move(stop), poll_interval);
}

}  // namespace filbert
