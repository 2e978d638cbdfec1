// A summary that several threads may fold rows into, merge and read at the same time.
#pragma once

#include <Eigen/Core>
#include <mutex>
#include <optional>
#include <utility>

#include "filbert/summary/sufficient_statistics.hpp"

namespace filbert {

/// Each call sees the summary before or after any other call, never in between. No call holds two locks, so that summaries may be
/// merged into each other from both sides.
class SharedStatistics {
 public:
  explicit SharedStatistics(Eigen::Index columns) : statistics_(columns) {}
  explicit SharedStatistics(SufficientStatistics statistics) : statistics_(std::move(statistics)) {}
  SharedStatistics(const SharedStatistics& other) : statistics_(other.snapshot()) {}
  SharedStatistics& operator=(const SharedStatistics&) = delete;

  /// Of X, a matrix or its columns.
  template <typename Predictors>
  void update(const Predictors& X, const ValuesRef& y, const std::optional<ValuesRef>& weights = std::nullopt) {
    const std::lock_guard lock(mutex_);
    statistics_.update(X, y, weights);
  }

  void merge(const SharedStatistics& other) {
    const SufficientStatistics rows = other.snapshot();
    const std::lock_guard lock(mutex_);
    statistics_.merge(rows);
  }

  /// What has been folded in until now.
  SufficientStatistics snapshot() const {
    const std::lock_guard lock(mutex_);
    return statistics_;
  }

  /// `read(statistics)`, which should be short: others wait.
  template <typename Read>
  auto read(const Read& read) const {
    const std::lock_guard lock(mutex_);
    return read(statistics_);
  }

 private:
  mutable std::mutex mutex_;
  SufficientStatistics statistics_;
};

}  // namespace filbert
