// Measures distance in position space: the diagonal Euclidean metric, M⁻¹ = diag(scale²).
#pragma once

#include <Eigen/Core>

namespace filbert {

/// One length scale per coordinate, ideally the standard deviation there. Momenta are kept in the metric's units (see
/// PhasePoint), so the velocity is scale∘momentum and the force scale∘gradient.
struct DiagonalMetric {
  Eigen::VectorXd scale;

  explicit DiagonalMetric(Eigen::Index dimension) : scale(Eigen::VectorXd::Ones(dimension)) {}

  Eigen::VectorXd variances() const { return scale.array().square(); }
  void set_variances(const Eigen::Ref<const Eigen::VectorXd>& variances) { scale = variances.array().sqrt(); }
};

}  // namespace filbert
