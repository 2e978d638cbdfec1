// Climbs to the mode of a smooth density of few coordinates.
#pragma once

#include <Eigen/Core>
#include <functional>
#include <vector>

namespace filbert {

/// A log density with its gradient, as LogDensity has it.
using SmoothFunction = std::function<double(const Eigen::VectorXd& position, Eigen::VectorXd& gradient)>;

struct ModeSettings {
  double tolerance = 1e-3;  ///< of the largest slope, per unit of the coordinates
  double longest_step = 4;  ///< of a coordinate in one step
  int most_evaluations = 500;
};

struct Mode {
  Eigen::VectorXd position, gradient;
  double value = 0;
  int evaluations = 0;
  bool converged = false;
};

/// BFGS with a backtracking line search. Never leaves a point for one of lower or of no density.
Mode climb(const SmoothFunction& function, const Eigen::VectorXd& start, const ModeSettings& settings = {});

/// The highest mode that climbs from the starts end at; the first of those that are as high.
Mode highest_mode(const SmoothFunction& function, const std::vector<Eigen::VectorXd>& starts);

/// Minus the matrix of second derivatives by central differences of gradients, symmetric.
Eigen::MatrixXd curvature(const SmoothFunction& function, const Eigen::VectorXd& at, double step);

/// A positive definite matrix near a symmetric one: its eigenvalues in absolute value, and none below `least`.
Eigen::MatrixXd made_positive(const Eigen::MatrixXd& symmetric, double least);

}  // namespace filbert
