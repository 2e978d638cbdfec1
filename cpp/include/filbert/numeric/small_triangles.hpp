// Cholesky factors and triangular solves of few rows in plain loops: what Eigen packs and copies there takes longer than the arithmetic.
#pragma once

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>

namespace filbert {

/// From so many rows on Eigen's blocks are the faster ones.
inline constexpr Eigen::Index many_rows = 24;

/// Writes L of `A = LL'` over the lower triangle of A, which is all that is read. Where A is not positive definite: returns false, and
/// leaves a diagonal that has no logarithm.
inline bool cholesky_in_place(Eigen::Ref<Eigen::MatrixXd> A) {
  const Eigen::Index n = A.rows();
  if (n >= many_rows) return Eigen::LLT<Eigen::Ref<Eigen::MatrixXd>>(A).info() == Eigen::Success;
  for (Eigen::Index j = 0; j < n; ++j) {
    if (!(A(j, j) > 0)) {
      A(j, j) = std::numeric_limits<double>::quiet_NaN();
      return false;
    }
    const double root = std::sqrt(A(j, j)), inverse = 1 / root;
    A(j, j) = root;
    for (Eigen::Index i = j + 1; i < n; ++i) A(i, j) *= inverse;
    for (Eigen::Index k = j + 1; k < n; ++k) {
      for (Eigen::Index i = k; i < n; ++i) A(i, k) -= A(i, j) * A(k, j);
    }
  }
  return true;
}

namespace small {

/// Inverses of a diagonal: divisions that wait for nothing.
inline std::array<double, many_rows> inverses(const Eigen::Ref<const Eigen::MatrixXd>& L) {
  std::array<double, many_rows>
      of_diagonal;  // NOLINT(cppcoreguidelines-pro-type-member-init): as many as there are rows are read
  for (Eigen::Index i = 0; i < L.rows(); ++i) of_diagonal[static_cast<std::size_t>(i)] = 1 / L(i, i);
  return of_diagonal;
}

}  // namespace small

/// L⁻¹X in place, column after column.
inline void solve_lower(const Eigen::Ref<const Eigen::MatrixXd>& L, Eigen::Ref<Eigen::MatrixXd> X) {
  const Eigen::Index n = L.rows();
  if (n >= many_rows) return L.triangularView<Eigen::Lower>().solveInPlace(X);
  const auto inverses = small::inverses(L);
  for (Eigen::Index c = 0; c < X.cols(); ++c) {
    double* const x = X.col(c).data();
    for (Eigen::Index j = 0; j < n; ++j) {
      x[j] *= inverses[static_cast<std::size_t>(j)];
      for (Eigen::Index i = j + 1; i < n; ++i) x[i] -= L(i, j) * x[j];
    }
  }
}

/// L⁻ᵀX in place, column after column.
inline void solve_lower_transposed(const Eigen::Ref<const Eigen::MatrixXd>& L, Eigen::Ref<Eigen::MatrixXd> X) {
  const Eigen::Index n = L.rows();
  if (n >= many_rows) return L.transpose().triangularView<Eigen::Upper>().solveInPlace(X);
  const auto inverses = small::inverses(L);
  for (Eigen::Index c = 0; c < X.cols(); ++c) {
    double* const x = X.col(c).data();
    for (Eigen::Index j = n; j-- > 0;) {
      for (Eigen::Index i = j + 1; i < n; ++i) x[j] -= L(i, j) * x[i];
      x[j] *= inverses[static_cast<std::size_t>(j)];
    }
  }
}

}  // namespace filbert
