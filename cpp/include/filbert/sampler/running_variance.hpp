// Accumulates the variance of each coordinate, one draw at a time.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// Welford's method, which does not cancel where the mean is large.
class RunningVariance {
 public:
  explicit RunningVariance(Eigen::Index dimension)
      : mean_(Eigen::VectorXd::Zero(dimension)),
        squares_(Eigen::VectorXd::Zero(dimension)),
        deviation_(Eigen::VectorXd::Zero(dimension)) {}

  void add(const Eigen::VectorXd& draw) {
    ++count_;
    deviation_ = draw - mean_;
    mean_ += deviation_ / static_cast<double>(count_);
    squares_ += deviation_.cwiseProduct(draw - mean_);
  }

  void reset() {
    count_ = 0;
    mean_.setZero();
    squares_.setZero();
  }

  Eigen::Index count() const { return count_; }
  const Eigen::VectorXd& mean() const { return mean_; }
  /// Unbiased; zero with fewer than two draws.
  Eigen::VectorXd variance() const {
    if (count_ < 2) return Eigen::VectorXd::Zero(mean_.size());
    return squares_ / static_cast<double>(count_ - 1);
  }

 private:
  Eigen::Index count_ = 0;
  Eigen::VectorXd mean_;
  Eigen::VectorXd squares_;    ///< Σ (draw - mean)²
  Eigen::VectorXd deviation_;  ///< scratch: an expression would see `mean_` after its update
};

}  // namespace filbert
