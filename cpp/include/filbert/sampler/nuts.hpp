// Makes one transition of the no-U-turn sampler, and tells how it went.
#pragma once

#include <Eigen/Core>
#include <cmath>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "filbert/sampler/leapfrog.hpp"
#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/metric.hpp"
#include "filbert/sampler/phase_point.hpp"
#include "filbert/sampler/rng.hpp"
#include "filbert/sampler/trajectory.hpp"

namespace filbert {

/// Throws std::invalid_argument "<name> is <value>; it must be <allowed>" unless `valid`.
template <typename Value>
void require_setting(bool valid, std::string_view name, const Value& value, std::string_view allowed) {
  if (valid) return;
  std::ostringstream message;
  message << name << " is " << value << "; it must be " << allowed << ".";
  throw std::invalid_argument(message.str());
}

struct NutsSettings {
  double target_accept = 0.8;  ///< mean acceptance rate that the step size is tuned to
  int max_treedepth = 10;      ///< doublings of a trajectory, at most
  double max_energy_error = 1000;

  void validate() const {
    require_setting(target_accept > 0 && target_accept < 1, "target_accept", target_accept,
                    "between 0 and 1, both excluded");
    require_setting(max_treedepth >= 1 && max_treedepth <= Trajectory<>::max_depth_limit, "max_treedepth",
                    max_treedepth, "a whole number from 1 to 20");
    require_setting(max_energy_error > 0, "max_energy_error", max_energy_error, "greater than 0");
  }
};

struct TransitionStatistics {
  double log_density = 0;       ///< of the new draw
  double energy = 0;            ///< Hamiltonian of the new draw
  double energy_error = 0;      ///< `energy` less that of the start
  double max_energy_error = 0;  ///< largest in absolute value over the trajectory, with its sign; inf for NaN
  double acceptance_rate = 0;   ///< mean of min(1, exp(-energy error)) over the new points
  double step_size = 0;         ///< used in this transition
  double step_size_bar = 0;     ///< the one that adaptation would settle on after this transition
  int tree_depth = 0;           ///< doublings tried, a last and rejected one included
  int n_steps = 0;              ///< leapfrog steps, which are gradients
  int index_in_trajectory = 0;  ///< of the new draw, in signed time steps from the old one
  bool diverging = false;
  bool reached_max_treedepth = false;  ///< the trajectory would have gone on, had it been allowed to
};

/// The no-U-turn sampler (Hoffman and Gelman 2014) with multinomial draws (Betancourt 2017) on one density, at one
/// point. Allocates only when it is made.
template <LogDensity Density, typename Rules = TrajectoryRules>
class Nuts {
 public:
  Nuts(Density density, const NutsSettings& settings)
      : settings_((settings.validate(), settings)),
        density_(std::move(density)),
        metric_(density_.dimension()),
        trajectory_(density_.dimension(), settings.max_treedepth) {}

  Eigen::Index dimension() const { return metric_.scale.size(); }
  const Eigen::VectorXd& position() const { return trajectory_.start().position; }
  double log_density() const { return trajectory_.start().log_density; }

  /// Moves to `position`. Returns whether density and gradient are finite there; only then may sampling start.
  bool set_position(const Eigen::Ref<const Eigen::VectorXd>& position) {
    PhasePoint& point = trajectory_.start();
    point.position = position;
    point.log_density = density_(point.position, point.gradient);
    return std::isfinite(point.log_density) && point.gradient.allFinite();
  }

  const DiagonalMetric& metric() const { return metric_; }
  void set_metric(const DiagonalMetric& metric) { metric_ = metric; }

  double step_size() const { return step_size_; }
  void set_step_size(double step_size) { step_size_ = step_size; }

  TransitionStatistics transition(Rng& rng) {
    NoInspector inspector;
    return transition(rng, inspector);
  }

  /// Draws a momentum, doubles the trajectory until it turns, diverges or is as deep as allowed, and moves to a point
  /// drawn from it.
  template <typename Inspector>
  TransitionStatistics transition(Rng& rng, Inspector& inspector) {
    draw_momentum(rng);
    trajectory_.begin();
    const double start_energy = trajectory_.start().energy;
    Outcome outcome = Outcome::Continue;
    while (outcome == Outcome::Continue && trajectory_.depth() < settings_.max_treedepth) {
      outcome = trajectory_.extend(density_, metric_, step_size_, settings_.max_energy_error, rng, inspector);
    }
    trajectory_.accept_chosen();

    const PhasePoint& draw = trajectory_.start();
    TransitionStatistics statistics;
    statistics.log_density = draw.log_density;
    statistics.energy = draw.energy;
    statistics.energy_error = draw.energy - start_energy;
    statistics.max_energy_error = trajectory_.max_energy_error();
    statistics.acceptance_rate = trajectory_.acceptance_rate();
    statistics.step_size = step_size_;
    statistics.step_size_bar = step_size_;
    statistics.tree_depth = trajectory_.depth();
    statistics.n_steps = trajectory_.n_steps();
    statistics.index_in_trajectory = draw.index_in_trajectory;
    statistics.diverging = outcome == Outcome::Diverging;
    statistics.reached_max_treedepth = outcome == Outcome::Continue;
    return statistics;
  }

  /// Doubles or halves the step size until the acceptance rate of a single step crosses the target (Hoffman and
  /// Gelman 2014): a start for its adaptation, right to a factor of about two. Allocates; does not move.
  void search_step_size(Rng& rng) {
    constexpr int max_tries = 60;  // a constant density accepts every step size
    PhasePoint end(dimension());
    bool growing = false;
    for (int attempt = 0; attempt < max_tries; ++attempt) {
      draw_momentum(rng);
      PhasePoint& start = trajectory_.start();
      start.update_energy();
      leapfrog(density_, metric_, step_size_, start, end);
      const bool accepts = start.energy - end.energy > std::log(settings_.target_accept);  // false if NaN
      if (attempt == 0) growing = accepts;
      if (accepts != growing) return;
      step_size_ *= growing ? 2 : 0.5;
    }
  }

 private:
  void draw_momentum(Rng& rng) {
    for (double& coordinate : trajectory_.start().momentum) coordinate = rng.normal();
  }

  NutsSettings settings_;
  Density density_;
  DiagonalMetric metric_;
  Trajectory<Rules> trajectory_;
  double step_size_ = 1;
};

}  // namespace filbert
