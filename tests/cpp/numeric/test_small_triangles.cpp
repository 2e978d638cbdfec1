// Cholesky factors and triangular solves, on both sides of where Eigen takes over.
#include "filbert/numeric/small_triangles.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>

using Eigen::Index;
using Eigen::MatrixXd;

namespace {

MatrixXd positive_definite(Index n) {
  std::srand(static_cast<unsigned>(n));
  const MatrixXd root = MatrixXd::Random(n, n + 2);
  return root * root.transpose();
}

}  // namespace

TEST_CASE("factors and solves are those of their definitions") {
  for (const Index n : {1, 2, 5, 23, 24, 40}) {
    CAPTURE(n);
    const MatrixXd A = positive_definite(n), X = MatrixXd::Random(n, 3);
    MatrixXd work = A;
    work.triangularView<Eigen::StrictlyUpper>().setConstant(7);  // not read
    REQUIRE(filbert::cholesky_in_place(work));
    const MatrixXd L = work.triangularView<Eigen::Lower>();
    CHECK((L * L.transpose() - A).cwiseAbs().maxCoeff() < 1e-12 * A.cwiseAbs().maxCoeff());
    MatrixXd lower = X, transposed = X;
    filbert::solve_lower(work, lower);
    filbert::solve_lower_transposed(work, transposed);
    CHECK((L * lower - X).cwiseAbs().maxCoeff() < 1e-12);
    CHECK((L.transpose() * transposed - X).cwiseAbs().maxCoeff() < 1e-12);
  }
  MatrixXd none(0, 0), nothing(0, 1);
  CHECK(filbert::cholesky_in_place(none));
  filbert::solve_lower(none, nothing);
}

TEST_CASE("what is not positive definite is said, and has no logarithm of a determinant") {
  for (const Index n : {3, 30}) {
    MatrixXd A = positive_definite(n);
    A(1, 1) = -1;
    CHECK(!filbert::cholesky_in_place(A));
    CHECK(std::isnan(A.diagonal().array().log().sum()));
  }
}
