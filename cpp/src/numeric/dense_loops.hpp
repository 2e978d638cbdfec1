// The dense kernels by Eigen, which each instruction set has under a name of its own: the linker must not merge its copies.
#pragma once

#define Eigen FILBERT_EIGEN_OF_KERNELS
#include <Eigen/Cholesky>
#include <Eigen/Core>

#include "filbert/numeric/dense_kernels.hpp"

namespace filbert::FILBERT_EIGEN_OF_KERNELS_USER {

using Index = std::ptrdiff_t;
using Matrix = Eigen::MatrixXd;
using Block = Eigen::Ref<Matrix>;

inline constexpr Index small = 48;  // below, halves would cost more than they save

inline bool cholesky(double* A, Index n) {
  Eigen::Map<Matrix> matrix(A, n, n);
  Block whole(matrix);
  const Eigen::LLT<Block> factor(whole);
  return factor.info() == Eigen::Success;
}

/// L to L⁻¹ in place, by halves.
inline void invert(Block L) {
  const Index n = L.rows();
  if (n <= small) {
    Matrix inverse = Matrix::Identity(n, n);
    L.triangularView<Eigen::Lower>().solveInPlace(inverse);
    L.triangularView<Eigen::Lower>() = inverse;
    return;
  }
  const Index half = n / 2, rest = n - half;
  invert(L.topLeftCorner(half, half));
  invert(L.bottomRightCorner(rest, rest));
  const Matrix left = L.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>() * L.bottomLeftCorner(rest, half);
  L.bottomLeftCorner(rest, half).noalias() = -(left * L.topLeftCorner(half, half).triangularView<Eigen::Lower>());
}

/// X to the lower triangle of X'X in place, by halves.
inline void square(Block X) {
  const Index n = X.rows();
  if (n <= small) {
    Matrix lower = X.triangularView<Eigen::Lower>();
    X.triangularView<Eigen::Lower>() = lower.transpose() * lower;
    return;
  }
  const Index half = n / 2, rest = n - half;
  square(X.topLeftCorner(half, half));
  X.topLeftCorner(half, half).selfadjointView<Eigen::Lower>().rankUpdate(X.bottomLeftCorner(rest, half).transpose());
  const Matrix below = X.bottomLeftCorner(rest, half);
  X.bottomLeftCorner(rest, half).noalias() =
      X.bottomRightCorner(rest, rest).triangularView<Eigen::Lower>().transpose() * below;
  square(X.bottomRightCorner(rest, rest));
}

inline void inverse(const double* L, Index n, double* into) {
  Eigen::Map<Matrix> result(into, n, n);
  result = Eigen::Map<const Matrix>(L, n, n);
  invert(result);
  square(result);
  result.triangularView<Eigen::StrictlyUpper>() = result.transpose();
}

inline constexpr DenseKernels dense_kernels_here{cholesky, inverse};

}  // namespace filbert::FILBERT_EIGEN_OF_KERNELS_USER
