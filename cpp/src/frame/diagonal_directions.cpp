// Whitens all rows together, then finds the singular directions of the likelihood's.
#include "filbert/frame/diagonal_directions.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <cmath>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/summary/triangle.hpp"

namespace filbert {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// From here on products of blocks are faster by more than pivots are worth.
constexpr Index many_columns = 200;

// A combination that all rows see less of than this, of columns at unit length, is not determined.
constexpr double determined = 1e-13;

void require_determined(bool holds) {
  if (holds) return;
  throw ImproperPosterior(
      "the posterior is improper: some coefficients are determined neither by the data nor by a proper prior");
}

/// γ₀ + W z has unit precision under all rows.
struct Whitening {
  VectorXd centre;
  MatrixXd matrix;  // W
  double log_abs_determinant;
};

VectorXd lengths_of(const MatrixXd& stacked) {
  const VectorXd length = stacked.colwise().stableNorm().transpose();
  return (length.array() > 0).select(length, 1);
}

Whitening whitened_by_pivots(const MatrixXd& stacked, const VectorXd& target) {
  const Index p = stacked.cols();
  const VectorXd unit = lengths_of(stacked).cwiseInverse();
  const Eigen::ColPivHouseholderQR<MatrixXd> qr(stacked * unit.asDiagonal());
  require_determined(std::abs(qr.matrixQR()(p - 1, p - 1)) > determined);
  const MatrixXd inverse = qr.matrixQR().topRows(p).triangularView<Eigen::Upper>().solve(MatrixXd::Identity(p, p));
  return {unit.asDiagonal() * VectorXd(qr.solve(target)), unit.asDiagonal() * (qr.colsPermutation() * inverse),
          unit.array().log().sum() - qr.matrixQR().diagonal().array().abs().log().sum()};
}

Whitening whitened_in_blocks(const MatrixXd& stacked, const VectorXd& target) {
  const Index p = stacked.cols();
  const VectorXd unit = lengths_of(stacked).cwiseInverse();
  MatrixXd triangle = MatrixXd::Zero(p + 1, p + 1);
  // The likelihood's rows and the priors' are triangles, or nearly: each by itself, so that their zeros are spared.
  for (const Index first : {Index{0}, stacked.rows() - p}) {
    const Index rows = first == 0 ? stacked.rows() - p : p;
    MatrixXd scaled(rows, p + 1);
    scaled << stacked.middleRows(first, rows) * unit.asDiagonal(), target.segment(first, rows);
    rotate_into(triangle, scaled);
  }
  require_determined(triangle.diagonal().head(p).minCoeff() > determined);
  MatrixXd inverse = inverse_of_triangle(triangle.topLeftCorner(p, p));
  // A row of the inverse is one over the distance of its column from what all others span.
  require_determined(inverse.rowwise().norm().maxCoeff() < 1 / determined);
  Whitening result{VectorXd(), MatrixXd(), 0};
  result.centre = unit.asDiagonal() * (inverse * triangle.col(p).head(p));
  result.log_abs_determinant = unit.array().log().sum() - triangle.diagonal().head(p).array().log().sum();
  inverse.array().colwise() *= unit.array();
  result.matrix = std::move(inverse);
  return result;
}

/// U and V of the likelihood's rows in whitened coordinates, where their singular values are the roots of the shares.
void diagonalise_by_svd(const MatrixXd& likelihood, const MatrixXd& whiten, DiagonalDirections& result) {
  const Eigen::BDCSVD<MatrixXd> svd(likelihood * whiten, Eigen::ComputeThinU | Eigen::ComputeThinV);
  result.left = svd.matrixU();
  result.directions = whiten * svd.matrixV();
  result.likelihood_share = svd.singularValues().array().square().min(1.0);
}

/// The same with U read off V.
void diagonalise_in_blocks(const MatrixXd& likelihood, const MatrixXd& whiten, DiagonalDirections& result) {
  constexpr double least_root = 1e-8;  // its square is nothing beside the 1 that all rows together have
  const MatrixXd whitened = product(likelihood, whiten);
  const Eigen::BDCSVD<MatrixXd> svd(whitened, Eigen::ComputeThinV);
  const ArrayXd root = svd.singularValues().array().min(1.0);
  const ArrayXd kept = (root > least_root).select(root, 0.0);
  result.left = product(whitened, svd.matrixV());
  result.left.array().rowwise() *= (kept > 0).select(kept.inverse(), 0.0).transpose();
  result.directions = product(whiten, svd.matrixV());
  result.likelihood_share = kept.square();
}

}  // namespace

DiagonalDirections diagonal_directions(const MatrixXd& stacked, const VectorXd& target, Index likelihood_rows) {
  const Index p = stacked.cols();
  DiagonalDirections result{VectorXd::Zero(p), MatrixXd::Zero(p, p), MatrixXd::Zero(likelihood_rows, p),
                            ArrayXd::Zero(p)};
  if (p == 0) return result;
  const bool is_wide = p >= many_columns;
  const Whitening whitening = is_wide ? whitened_in_blocks(stacked, target) : whitened_by_pivots(stacked, target);
  result.centre = whitening.centre;
  result.log_abs_determinant = whitening.log_abs_determinant;
  const MatrixXd likelihood = stacked.topRows(likelihood_rows);
  if (is_wide) {
    diagonalise_in_blocks(likelihood, whitening.matrix, result);
  } else {
    diagonalise_by_svd(likelihood, whitening.matrix, result);
  }
  for (Index j = 0; j < p; ++j) {
    Index largest = 0;
    result.directions.col(j).cwiseAbs().maxCoeff(&largest);
    if (result.directions(largest, j) > 0) continue;
    result.directions.col(j) *= -1;
    result.left.col(j) *= -1;
  }
  return result;
}

}  // namespace filbert
