// Tunes the step size until the acceptance rate meets its target.
#pragma once

#include <algorithm>
#include <cmath>

namespace filbert {

struct DualAveragingSettings {
  double gamma = 0.05;  ///< how weakly the step size is held near ten times the initial one
  double kappa = 0.75;  ///< how fast the average forgets its beginnings
  double t0 = 10;       ///< how much the first updates are damped
};

/// Nesterov's dual averaging on the logarithm of the step size (Hoffman and Gelman 2014, section 3.2), but for the
/// average.
///
/// The steps scatter widely around the one to keep, and it is their mean acceptance rate that meets the target. A
/// leapfrog error grows as the square of the step, and so, nearly in proportion, does the shortfall of the acceptance
/// rate from 1. The step whose square is the mean of the squares therefore has the mean acceptance rate; the mean
/// logarithm, which is customary, gives a shorter step, which accepts more often than asked for.
class DualAveraging {
 public:
  DualAveraging(double initial_step_size, double target_accept, const DualAveragingSettings& settings = {})
      : settings_(settings),
        target_accept_(target_accept),
        log_shrinkage_point_(std::log(10 * initial_step_size)),
        step_size_(initial_step_size),
        mean_square_(initial_step_size * initial_step_size) {}

  /// Learns the acceptance rate that `step_size()` had, and moves on to the next step size.
  void update(double acceptance_rate) {
    ++averaged_;
    // Far beyond the average nothing is accepted and the square no longer counts for more.
    const double square = std::min(step_size_ * step_size_, 4 * mean_square_);
    mean_square_ += std::pow(averaged_, -settings_.kappa) * (square - mean_square_);

    ++count_;
    mean_shortfall_ += (target_accept_ - acceptance_rate - mean_shortfall_) / (count_ + settings_.t0);
    step_size_ = std::exp(log_shrinkage_point_ - std::sqrt(count_) / settings_.gamma * mean_shortfall_);
  }

  /// Forgets past steps in the average, which starts again from the next one.
  void restart_average() { averaged_ = 0; }

  double step_size() const { return step_size_; }                   ///< to try next
  double step_size_bar() const { return std::sqrt(mean_square_); }  ///< to keep after warm-up

 private:
  DualAveragingSettings settings_;
  double target_accept_;
  double log_shrinkage_point_;
  double step_size_;
  double mean_square_;
  double mean_shortfall_ = 0;  ///< of the acceptance rate below its target, recent ones weighing more
  double count_ = 0;
  double averaged_ = 0;  ///< updates that the average is made of
};

}  // namespace filbert
