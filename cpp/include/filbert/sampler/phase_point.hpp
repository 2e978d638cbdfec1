// Holds one state of the Hamiltonian system: where it is, how it moves, and its energy.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// A point of phase space with what the leapfrog and the tree need to know about it.
struct PhasePoint {
  Eigen::VectorXd position;
  Eigen::VectorXd gradient;  ///< of the log density, at `position`
  /// In the metric's own units, M^{-1/2} p: standard normal whatever the metric, so that kinetic energy is
  /// ½‖momentum‖² and the p'M⁻¹p' of the U-turn criterion is a plain dot product.
  Eigen::VectorXd momentum;
  double log_density = 0;
  double energy = 0;            ///< the Hamiltonian, ½‖momentum‖² - log_density
  int index_in_trajectory = 0;  ///< leapfrog steps from the trajectory's start, negative backwards in time

  explicit PhasePoint(Eigen::Index dimension)
      : position(Eigen::VectorXd::Zero(dimension)),
        gradient(Eigen::VectorXd::Zero(dimension)),
        momentum(Eigen::VectorXd::Zero(dimension)) {}

  void update_energy() { energy = 0.5 * momentum.squaredNorm() - log_density; }
};

}  // namespace filbert
