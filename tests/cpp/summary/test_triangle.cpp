// The kernels of a summary, in both copies, against plain loops and Eigen's Householder QR.
#include "filbert/summary/triangle.hpp"

#include <doctest/doctest.h>

#include <Eigen/QR>
#include <cmath>
#include <random>
#include <vector>

namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::InstructionSet;
using filbert::RowBuffer;
using filbert::TriangleKernels;

std::vector<const TriangleKernels*> copies() {
  std::vector<const TriangleKernels*> result = {&filbert::triangle_kernels(InstructionSet::Baseline)};
  if (filbert::instruction_set() != InstructionSet::Baseline) result.push_back(&filbert::triangle_kernels());
  return result;
}

MatrixXd random_matrix(Index rows, Index columns, unsigned seed) {
  std::mt19937_64 generator(seed);
  std::normal_distribution<double> normal;
  return MatrixXd::NullaryExpr(rows, columns, [&] { return normal(generator); });
}

/// By Eigen, with the rows' signs turned so that the diagonal is not negative.
MatrixXd plain_triangle(const MatrixXd& rows) {
  const Eigen::HouseholderQR<MatrixXd> qr(rows);
  MatrixXd triangle = qr.matrixQR().topRows(rows.cols()).triangularView<Eigen::Upper>();
  for (Index i = 0; i < triangle.rows(); ++i) {
    if (triangle(i, i) < 0) triangle.row(i) *= -1;
  }
  return triangle;
}

double distance(const MatrixXd& a, const MatrixXd& b) {
  return (a - b).cwiseAbs().maxCoeff() / std::max(1.0, b.cwiseAbs().maxCoeff());
}

MatrixXd rotated(MatrixXd triangle, const MatrixXd& rows, const TriangleKernels& kernels) {
  filbert::rotate_into(triangle, rows, kernels);
  return triangle;
}

}  // namespace

TEST_CASE("a triangle is that of Householder QR, in every width, by every copy") {
  for (const TriangleKernels* const kernels : copies()) {
    for (const Index columns : {1, 2, 3, 4, 5, 7, 8, 11, 16, 17, 23, 33, 101, 300}) {
      const MatrixXd rows = random_matrix(2 * columns + 301, columns, 7);
      const MatrixXd zero = MatrixXd::Zero(columns, columns);
      const MatrixXd triangle = rotated(zero, rows, *kernels);
      CAPTURE(columns);
      CHECK(distance(triangle, plain_triangle(rows)) < 1e-12);
      CHECK(triangle.diagonal().minCoeff() >= 0);
      CHECK(triangle.triangularView<Eigen::StrictlyLower>().toDenseMatrix().isZero(0.0));

      // In two steps, from either end.
      const Index half = rows.rows() / 3;
      const MatrixXd top = rows.topRows(half), bottom = rows.bottomRows(rows.rows() - half);
      const MatrixXd forwards = rotated(rotated(zero, top, *kernels), bottom, *kernels);
      const MatrixXd backwards = rotated(rotated(zero, bottom, *kernels), top, *kernels);
      CHECK(distance(forwards, triangle) < 1e-12);
      CHECK(distance(backwards, triangle) < 1e-12);
    }
  }
}

TEST_CASE("copies for two instruction sets agree to 1e-10") {
  const MatrixXd rows = random_matrix(1000, 40, 3), factor = random_matrix(40, 30, 4);
  const MatrixXd zero = MatrixXd::Zero(40, 40);
  const TriangleKernels& baseline = filbert::triangle_kernels(InstructionSet::Baseline);
  for (const TriangleKernels* const kernels : copies()) {
    CHECK(distance(rotated(zero, rows, *kernels), rotated(zero, rows, baseline)) < 1e-12);
    CHECK(distance(filbert::product(rows, factor, *kernels), filbert::product(rows, factor, baseline)) < 1e-12);
    const VectorXd weights = rows.col(1).cwiseAbs();
    for (const double* const weight : {static_cast<const double*>(nullptr), weights.data()}) {
      for (const Index count : {1, 3, 8, 13, 1000}) {
        const filbert::ColumnMoments here = kernels->moments(rows.data(), weight, count);
        const filbert::ColumnMoments there = baseline.moments(rows.data(), weight, count);
        CHECK(here.least == there.least);
        CHECK(here.largest == there.largest);
        CHECK(here.least == rows.col(0).head(count).minCoeff());
        CHECK(here.sum == doctest::Approx(there.sum).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("zeros below a diagonal are spared and stay") {
  for (const TriangleKernels* const kernels : copies()) {
    for (const Index columns : {5, 40, 290}) {
      MatrixXd above = plain_triangle(random_matrix(columns + 3, columns, 1));
      MatrixXd below = plain_triangle(random_matrix(columns + 3, columns, 2));
      MatrixXd stacked(2 * columns + 1, columns);
      stacked << above, random_matrix(1, columns, 5), below;
      const MatrixXd rows = stacked.bottomRows(columns + 1);
      CHECK(distance(rotated(above, rows, *kernels), plain_triangle(stacked)) < 1e-12);
    }
  }
}

TEST_CASE("columns that are zero, tiny or combinations make no NaN") {
  for (const TriangleKernels* const kernels : copies()) {
    MatrixXd rows = random_matrix(200, 9, 11);
    rows.col(0).setZero();
    rows.col(3) *= 1e-160;  // its square is no double
    rows.col(5) = rows.col(4);
    rows.col(7) *= 1e150;
    const MatrixXd triangle = rotated(MatrixXd::Zero(9, 9), rows, *kernels);
    CHECK(triangle.allFinite());
    CHECK(triangle(5, 5) < 1e-12);
    for (const Index j : {1, 2, 4, 5, 6, 7, 8}) {
      CHECK(triangle.col(j).stableNorm() == doctest::Approx(rows.col(j).stableNorm()).epsilon(1e-12));
    }
  }
}

TEST_CASE("products and inverses, in sizes that fill tiles and blocks and in others") {
  for (const TriangleKernels* const kernels : copies()) {
    for (const Index size : {0, 1, 3, 8, 63, 65, 130, 300}) {
      const MatrixXd A = random_matrix(size + 1, size, 1), B = random_matrix(size, size + 5, 2);
      CHECK((filbert::product(A, B, *kernels) - A * B).cwiseAbs().sum() <= 1e-10 * static_cast<double>(size * size));
      MatrixXd triangle = plain_triangle(random_matrix(2 * size + 2, size, 3));
      const MatrixXd inverse = filbert::inverse_of_triangle(triangle, *kernels);
      CHECK((inverse * triangle - MatrixXd::Identity(size, size)).cwiseAbs().sum() <= 1e-10);
    }
  }
}
