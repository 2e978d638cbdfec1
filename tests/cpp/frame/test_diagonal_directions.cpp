// Directions of few and of many columns: what they promise, and that both ways give the same.
#include "filbert/frame/diagonal_directions.hpp"

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <random>

#include "filbert/frame/posterior_errors.hpp"

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

MatrixXd random_matrix(Index rows, Index columns) {
  std::mt19937_64 generator(5);
  std::normal_distribution<double> normal;
  return MatrixXd::NullaryExpr(rows, columns, [&] { return normal(generator); });
}

/// `informed` rows of the likelihood, and a prior on each coefficient.
MatrixXd stacked_rows(Index columns, Index informed) {
  MatrixXd rows = MatrixXd::Zero(2 * columns, columns);
  rows.topRows(informed) = random_matrix(informed, columns);
  rows.bottomRows(columns).diagonal().setLinSpaced(0.1, 2);
  return rows;
}

}  // namespace

TEST_CASE(
    "along the directions both parts are diagonal and add up to 1, with rows that determine all columns and fewer") {
  for (const Index columns : {6, 230}) {  // with pivots, and in blocks
    for (const Index informed : {columns, columns / 2}) {
      CAPTURE(columns);
      CAPTURE(informed);
      const MatrixXd rows = stacked_rows(columns, informed);
      const VectorXd target = random_matrix(2 * columns, 1);
      const filbert::DiagonalDirections at = filbert::diagonal_directions(rows, target, columns);
      const MatrixXd likelihood = rows.topRows(columns) * at.directions,
                     prior = rows.bottomRows(columns) * at.directions;
      const MatrixXd shares = at.likelihood_share.matrix().asDiagonal();
      CHECK((likelihood.transpose() * likelihood - shares).cwiseAbs().maxCoeff() < 1e-11);
      CHECK((prior.transpose() * prior + shares - MatrixXd::Identity(columns, columns)).cwiseAbs().maxCoeff() < 1e-11);
      CHECK((at.left * at.likelihood_share.sqrt().matrix().asDiagonal() - likelihood).cwiseAbs().maxCoeff() < 1e-7);
      const MatrixXd precision = rows.transpose() * rows;
      CHECK((precision.llt().solve(rows.transpose() * target) - at.centre).cwiseAbs().maxCoeff() < 1e-10);
      const MatrixXd L = precision.llt().matrixL();
      CHECK(at.log_abs_determinant == doctest::Approx(-L.diagonal().array().log().sum()).epsilon(1e-11));
    }
  }
}

TEST_CASE("coefficients that no row determines are refused") {
  for (const Index columns : {6, 230}) {
    MatrixXd rows = stacked_rows(columns, columns / 2);
    rows.col(3).setZero();
    CHECK_THROWS_AS(filbert::diagonal_directions(rows, VectorXd::Ones(2 * columns), columns),
                    filbert::ImproperPosterior);
    rows = stacked_rows(columns, columns);
    rows.bottomRows(columns).setZero();
    rows.col(2) = rows.col(4);
    CHECK_THROWS_AS(filbert::diagonal_directions(rows, VectorXd::Ones(2 * columns), columns),
                    filbert::ImproperPosterior);
  }
}
