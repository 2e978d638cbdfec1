// Directions along which likelihood rows and prior rows of a Gaussian are diagonal together, by QR and SVD.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// γ₀ + V z, for rows A (of the likelihood) on top of rows P (of priors): V'(A'A + P'P)V = I, and V'A'A V is diagonal.
struct DiagonalDirections {
  Eigen::VectorXd centre;           ///< γ₀: least squares of all rows
  Eigen::MatrixXd directions;       ///< V; the largest element of each column is positive, which makes its sign unique
  Eigen::MatrixXd left;             ///< A V over the roots of the shares: orthonormal, or zero where the share is
  Eigen::ArrayXd likelihood_share;  ///< the diagonal of V'A'A V, at most 1
  double log_abs_determinant = 0;   ///< of V
};

/// `stacked` is A on top of P, the latter with as many rows as columns; `target` has an element a row. Many columns take products of
/// blocks on all threads; few take a QR with pivots, which keeps digits where rows differ vastly in size. Throws
/// ImproperPosterior where the rows do not determine some combination.
DiagonalDirections diagonal_directions(const Eigen::MatrixXd& stacked, const Eigen::VectorXd& target,
                                       Eigen::Index likelihood_rows);

}  // namespace filbert
