// Makes one transition of Hamiltonian Monte Carlo in a frame, where the standard normal part of a density is followed exactly.
#pragma once

#include <Eigen/Core>
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
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

/// How turns and kicks follow each other: shares of an angle, the first of them kicks before any turn.
struct SplitStages {
  int turns;
  std::array<double, 3> turn;
  std::array<double, 4> kick;
};

/// Symmetric schemes of one to three turns, the longest that divides the number of steps. In mixed models that of three refuses about half of
/// what as many steps of one would, that of two a little less than them (Blanes, Casas and Sanz-Serna 2014, "Numerical integrators for the hybrid Monte Carlo method", SIAM Journal on
/// Scientific Computing 36); the three are placed so that mixed models of eight kinds accepted most.
inline constexpr std::array<SplitStages, 3> split_stages = {{{3, {0.305, 0.39, 0.305}, {0.125, 0.375, 0.375, 0.125}},
                                                             {2, {0.5, 0.5}, {0.2118, 0.5764, 0.2118}},
                                                             {1, {1.0}, {0.5, 0.5}}}};

/// The accept step, and what a broken sampler would put in its place.
struct SplitHmcRules {
  static bool accepts(double energy_error, double uniform) { return std::log(uniform) < -energy_error; }
};

/// Hamiltonian Monte Carlo with split steps (Shahbaba, Lan, Johnson and Neal 2014) on one density, at one point. Under a standard
/// normal, positions and momenta turn in their planes; what is left of the density kicks, before, between and after turns. The
/// nearer a density is to standard normal, the longer its steps may be; where it is exactly, all are accepted. Reversible,
/// volume-preserving, second order (see SplitStages). Allocates only when it is made.
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
  Density& density() {
    return density_;
  }  ///< evaluated last at the end of the trajectory, which is the position unless it was refused

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
    const SplitStages& stages = stages_of(settings_.steps);
    const double whole = statistics.step_size * stages.turns;
    while (statistics.n_steps < settings_.steps && std::isfinite(end_.log_density)) {
      const auto stage = static_cast<std::size_t>(statistics.n_steps % stages.turns);
      if (stage == 0) kick(whole * stages.kick.front());
      turn(whole * stages.turn[stage]);
      kick(whole * stages.kick[stage + 1]);
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
  static const SplitStages& stages_of(int steps) {
    return *std::find_if(split_stages.begin(), split_stages.end(),
                         [steps](const SplitStages& stages) { return steps % stages.turns == 0; });
  }

  void turn(double angle) {
    turned_ = std::cos(angle) * end_.position + std::sin(angle) * end_.momentum;
    end_.momentum = std::cos(angle) * end_.momentum - std::sin(angle) * end_.position;
    std::swap(end_.position, turned_);
    end_.log_density = density_(end_.position, end_.gradient);
  }

  /// By the slopes of what is left of the density.
  void kick(double angle) { end_.momentum += angle * (end_.gradient + end_.position); }

  SplitHmcSettings settings_;
  Density density_;
  PhasePoint start_, end_;
  Eigen::VectorXd turned_;  // scratch
};

}  // namespace filbert
