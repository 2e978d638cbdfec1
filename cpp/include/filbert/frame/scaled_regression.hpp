// A Gaussian regression in units of order one: what a frame is built from.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/priors/prior.hpp"

namespace filbert {

/// A regression `y ~ Normal(Xβ, σ)` in units in which every column and the response are of order one.
///
/// Its coefficients γ are β times the columns' scales over the response's. The intercept is that at the predictor means; where
/// its prior is about 0 and has an edge, it is that at 0.
struct ScaledRegression {
  Eigen::MatrixXd factor;  ///< ‖factor γ - target‖² + residual is the sum of squares
  Eigen::VectorXd target;
  double residual = 0;
  double total_weight = 0;
  Eigen::MatrixXd combinations;           ///< prior k is about row k times γ
  std::vector<Prior> coefficient_priors;  ///< of these combinations, in the same units
  Prior sigma_prior = Prior::half_flat();
};

}  // namespace filbert
