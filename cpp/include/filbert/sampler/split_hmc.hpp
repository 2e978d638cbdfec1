// Makes one transition of Hamiltonian Monte Carlo in a frame, where the standard normal part of a density is followed exactly.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "filbert/sampler/log_density.hpp"
#include "filbert/sampler/nuts.hpp"
#include "filbert/sampler/phase_point.hpp"
#include "filbert/sampler/rng.hpp"

namespace filbert {

struct SplitHmcSettings {
  int steps = 3;  ///< gradients of a trajectory
  /// Mean length of a trajectory. Draws of a standard normal are then correlated -0.23 with the next, and their squares 0.05.
  double angle = 1.8;
  double jitter = 0.1;  ///< share of the angle by which it varies to either side, so that no period is met
  double max_energy_error = 1000;

  void validate() const {
    require_setting(steps >= 1, "steps", steps, "a whole number of at least 1");
    require_setting(angle > 0, "angle", angle, "greater than 0");
    require_setting(jitter >= 0 && jitter < 1, "jitter", jitter, "at least 0 and below 1");
    require_setting(max_energy_error > 0, "max_energy_error", max_energy_error, "greater than 0");
  }
};

/// The accept step, and what a broken sampler would put in its place.
struct SplitHmcRules {
  static bool accepts(double energy_error, double uniform) { return std::log(uniform) < -energy_error; }
};

/// Hamiltonian Monte Carlo with split steps (Shahbaba, Lan, Johnson and Neal 2014) on one density, at one point. Under a standard
/// normal, positions and momenta turn in their planes; what is left of the density kicks, half before and half after each turn. The
/// nearer a density is to standard normal, the longer its steps may be; where it is exactly, all are accepted. Reversible,
/// volume-preserving, second order. Allocates only when it is made.
template <LogDensity Density, typename Rules = SplitHmcRules>
class SplitHmc {
 public:
  SplitHmc(Density density, const SplitHmcSettings& settings)
      : settings_((settings.validate(), settings)),
        density_(std::move(density)),
        start_(density_.dimension()),
        end_(density_.dimension()),
        turned_(density_.dimension()) {}

  Eigen::Index dimension() const { return turned_.size(); }
  const Eigen::VectorXd& position() const { return start_.position; }
  double log_density() const { return start_.log_density; }

  /// Moves to `position`. Returns whether density and gradient are finite there; only then may sampling start.
  bool set_position(const Eigen::Ref<const Eigen::VectorXd>& position) {
    start_.position = position;
    start_.log_density = density_(start_.position, start_.gradient);
    return std::isfinite(start_.log_density) && start_.gradient.allFinite();
  }

  void set_steps(int steps) {
    settings_.steps = steps;
    settings_.validate();
  }

  /// Draws a momentum, follows the trajectory to its end, and moves there or stays.
  TransitionStatistics transition(Rng& rng) {
    for (double& coordinate : start_.momentum) coordinate = rng.normal();
    start_.update_energy();
    const double angle = settings_.angle * (1 + settings_.jitter * rng.uniform(-1, 1));
    TransitionStatistics statistics;
    statistics.step_size = angle / settings_.steps;
    statistics.step_size_bar = statistics.step_size;
    end_ = start_;
    while (statistics.n_steps < settings_.steps && std::isfinite(end_.log_density)) {
      step(statistics.step_size);
      ++statistics.n_steps;
    }
    end_.update_energy();
    const double error = end_.energy - start_.energy;
    statistics.max_energy_error = std::isfinite(error) ? error : std::numeric_limits<double>::infinity();
    statistics.diverging = statistics.max_energy_error > settings_.max_energy_error;
    statistics.acceptance_rate = std::exp(-std::max(statistics.max_energy_error, 0.0));
    if (Rules::accepts(statistics.max_energy_error, rng.uniform())) {
      std::swap(start_, end_);
      statistics.energy_error = error;
      statistics.index_in_trajectory = settings_.steps;
    }
    statistics.log_density = start_.log_density;
    statistics.energy = start_.energy;
    return statistics;
  }

 private:
  void step(double angle) {
    kick(0.5 * angle);
    turned_ = std::cos(angle) * end_.position + std::sin(angle) * end_.momentum;
    end_.momentum = std::cos(angle) * end_.momentum - std::sin(angle) * end_.position;
    std::swap(end_.position, turned_);
    end_.log_density = density_(end_.position, end_.gradient);
    kick(0.5 * angle);
  }

  /// By the slopes of what is left of the density.
  void kick(double angle) { end_.momentum += angle * (end_.gradient + end_.position); }

  SplitHmcSettings settings_;
  Density density_;
  PhasePoint start_, end_;
  Eigen::VectorXd turned_;  // scratch
};

}  // namespace filbert
