// Learns the inverse curvature from the steps that it makes.
#include "filbert/groups/quasi_newton.hpp"

#include <Eigen/Eigenvalues>
#include <algorithm>
#include <cmath>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

Mode climb(const SmoothFunction& function, const VectorXd& start, const ModeSettings& settings) {
  const Index n = start.size();
  Mode mode{start, VectorXd::Zero(n), 0, 0, n == 0};
  mode.value = function(mode.position, mode.gradient);
  mode.evaluations = 1;
  MatrixXd inverse = MatrixXd::Identity(n, n);
  bool fresh = true;  // the inverse curvature has seen no step yet
  VectorXd candidate(n), gradient(n);
  while (mode.evaluations < settings.most_evaluations) {
    mode.converged = mode.gradient.lpNorm<Eigen::Infinity>() <= settings.tolerance;
    if (mode.converged || !std::isfinite(mode.value)) break;
    VectorXd direction = inverse * mode.gradient;
    if (fresh) direction = mode.gradient / std::max(1.0, mode.gradient.lpNorm<Eigen::Infinity>());
    const double longest = direction.lpNorm<Eigen::Infinity>();
    if (longest > settings.longest_step) direction *= settings.longest_step / longest;
    const double slope = direction.dot(mode.gradient);
    double step = 1;
    double value = 0;
    bool found = false;
    for (int halvings = 0; halvings < 40 && mode.evaluations < settings.most_evaluations; ++halvings, step *= 0.4) {
      candidate = mode.position + step * direction;
      value = function(candidate, gradient);
      ++mode.evaluations;
      found = value >= mode.value + 1e-4 * step * slope && gradient.allFinite();
      if (found) break;
    }
    if (!found) {
      if (fresh) break;  // no step along the gradient itself: rounding is all that is left
      inverse.setIdentity();
      fresh = true;
      continue;
    }
    const VectorXd moved = candidate - mode.position;
    const VectorXd change = mode.gradient - gradient;
    const double bend = moved.dot(change);
    if (bend > 1e-10 * moved.norm() * change.norm()) {
      if (fresh) inverse = MatrixXd::Identity(n, n) * (bend / change.squaredNorm());
      fresh = false;
      const VectorXd mapped = inverse * change;
      const double scale = (1 + change.dot(mapped) / bend) / bend;
      inverse += scale * moved * moved.transpose() - (mapped * moved.transpose() + moved * mapped.transpose()) / bend;
    }
    mode.position = candidate;
    mode.gradient = gradient;
    mode.value = value;
  }
  return mode;
}

Mode highest_mode(const SmoothFunction& function, const std::vector<VectorXd>& starts) {
  constexpr double same = 1e-3;  // in log density: what two searches that end at one mode differ by
  Mode mode = climb(function, starts.front());
  for (auto start = starts.begin() + 1; start != starts.end(); ++start) {
    const Mode other = climb(function, *start);
    if (other.value > mode.value + same || !std::isfinite(mode.value)) mode = other;
  }
  return mode;
}

MatrixXd curvature(const SmoothFunction& function, const VectorXd& at, double step) {
  const Index n = at.size();
  MatrixXd result(n, n);
  VectorXd above(n), below(n);
  for (Index k = 0; k < n; ++k) {
    function(at + step * VectorXd::Unit(n, k), above);
    function(at - step * VectorXd::Unit(n, k), below);
    result.col(k) = (below - above) / (2 * step);
  }
  return 0.5 * (result + result.transpose());
}

MatrixXd made_positive(const MatrixXd& symmetric, double least) {
  if (symmetric.size() == 0) return symmetric;
  if (!symmetric.allFinite()) return MatrixXd::Identity(symmetric.rows(), symmetric.cols());
  const Eigen::SelfAdjointEigenSolver<MatrixXd> eigen(symmetric);
  const VectorXd values = eigen.eigenvalues().cwiseAbs().cwiseMax(least);
  return eigen.eigenvectors() * values.asDiagonal() * eigen.eigenvectors().transpose();
}

}  // namespace filbert
