// Adapts step size and metric of a sampler while it warms up.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <cstddef>
#include <vector>

#include "filbert/sampler/dual_averaging.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/running_variance.hpp"
#include "filbert/sampler/warmup_schedule.hpp"

namespace filbert {

struct WarmupSettings {
  DualAveragingSettings dual_averaging = {};
  WarmupScheduleSettings schedule = {};
  /// How many draws' worth of belief a scale of 1 gets in every coordinate; see shrunk_variances.
  double unit_scale_draws = 20;

  void validate() const { require_setting(unit_scale_draws >= 0, "unit_scale_draws", unit_scale_draws, "at least 0"); }
};

/// Variances shrunk towards 1 on the log scale, var^(n / (n + unit_scale_draws)): with few draws they are mostly
/// noise, and the coordinates come nearly standardised. Shrinking logarithms treats small and large scales alike;
/// averaging with 1 would hide a standard deviation of 0.1. A coordinate that never moved tells nothing, and keeps 1.
inline Eigen::VectorXd shrunk_variances(const RunningVariance& running, double unit_scale_draws) {
  const double draws = static_cast<double>(running.count());
  const double exponent = draws / (draws + unit_scale_draws);
  return running.variance().unaryExpr([exponent](double variance) {
    return variance > 0 && std::isfinite(variance) ? std::pow(variance, exponent) : 1.0;
  });
}

/// Follows the schedule through the warm-up of one chain. After its last `update` the sampler is ready to draw.
class Warmup {
 public:
  /// Finds a first step size; the sampler must have a position.
  template <typename Nuts>
  Warmup(Eigen::Index tune, double target_accept, const WarmupSettings& settings, Nuts& nuts, Rng& rng)
      : settings_(settings),
        target_accept_(target_accept),
        windows_(warmup_schedule(tune, settings.schedule)),
        variance_(nuts.dimension()),
        step_size_(first_step_size(nuts, rng)) {}

  /// Learns from one transition, and sets the sampler up for the next.
  template <typename Nuts>
  void update(const TransitionStatistics& statistics, Nuts& nuts, Rng& rng) {
    const WarmupWindow& window = windows_[window_];
    step_size_.update(statistics.acceptance_rate);
    nuts.set_step_size(step_size_.step_size());
    if (window.phase == WarmupPhase::Metric) variance_.add(nuts.position());
    if (++iteration_ < window.end) return;

    if (window.phase == WarmupPhase::Metric) update_metric(nuts, rng);
    if (++window_ == windows_.size()) nuts.set_step_size(step_size_.step_size_bar());
  }

  double step_size_bar() const { return step_size_.step_size_bar(); }

 private:
  template <typename Nuts>
  void update_metric(Nuts& nuts, Rng& rng) {
    DiagonalMetric metric = nuts.metric();
    metric.set_variances(shrunk_variances(variance_, settings_.unit_scale_draws));
    nuts.set_metric(metric);
    variance_.reset();

    // Another metric wants another step size. A small change is left to dual averaging, which gets there within a few
    // steps; starting it over would cost some twenty wild ones, and leave a short last window with a poor average.
    constexpr double small_factor = 5;
    const double old_step_size = step_size_.step_size_bar();
    nuts.set_step_size(old_step_size);
    nuts.search_step_size(rng);
    if (std::abs(std::log(nuts.step_size() / old_step_size)) > std::log(small_factor)) {
      step_size_ = DualAveraging(nuts.step_size(), target_accept_, settings_.dual_averaging);
    } else {
      step_size_.restart_average();
      nuts.set_step_size(step_size_.step_size());
    }
  }

  template <typename Nuts>
  DualAveraging first_step_size(Nuts& nuts, Rng& rng) const {
    nuts.search_step_size(rng);
    return DualAveraging(nuts.step_size(), target_accept_, settings_.dual_averaging);
  }

  WarmupSettings settings_;
  double target_accept_;
  std::vector<WarmupWindow> windows_;
  std::size_t window_ = 0;
  Eigen::Index iteration_ = 0;
  RunningVariance variance_;
  DualAveraging step_size_;
};

}  // namespace filbert
