// Cholesky of one small block of a conditional precision, with what it leaves to its border, forwards and backwards.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>

#include "filbert/groups/group_kernels.hpp"

namespace filbert {

inline double inverse_root(double x) { return 1 / std::sqrt(x); }
inline double logarithm_of(double x) { return std::log(x); }

/// `T` is a number, or numbers of several groups side by side. Matrices of q rows, Λ (`factor`) too, lie column after column; `Q` is q, or 0
/// where it is only known at run time.
///
/// The block is `B = I + Λ'GΛ = LL'`; its couplings to the border and to the right-hand side are `A = L⁻¹Λ'N`, a column each.
template <typename T, int Q>
class BlockKernel {
 public:
  explicit BlockKernel(std::ptrdiff_t effects) : q_(Q > 0 ? Q : effects) {}

  /// Writes L with the inverses of its diagonal on it, and multiplies the determinant of B onto `determinant`, or where it might overflow
  /// adds the logarithm of its root to `log_determinant`.
  void factorise(const double* factor, const T* G, T* root, T& determinant, T& log_determinant) const {
    std::array<T, size * size> product;  // GΛ
    times_factor(factor, G, product.data());
    for (std::ptrdiff_t i = 0; i < q_; ++i) {
      for (std::ptrdiff_t j = 0; j <= i; ++j) {
        T sum = i == j ? one() : zero();
        for (std::ptrdiff_t k = i; k < q_; ++k) sum += factor[at(k, i)] * product[at(k, j)];
        for (std::ptrdiff_t k = 0; k < j; ++k) sum -= root[at(i, k)] * root[at(j, k)];
        if (i > j) {
          root[at(i, j)] = sum * root[at(j, j)];
          continue;
        }
        root[at(i, i)] = inverse_root(sum);
        if constexpr (Q > 0) {
          determinant *= sum;
        } else {
          log_determinant += 0.5 * logarithm_of(sum);
        }
      }
    }
  }

  /// A column of A from one of N.
  void couple(const double* factor, const T* root, const T* column, T* into) const {
    for (std::ptrdiff_t i = 0; i < q_; ++i) {
      T sum = zero();
      for (std::ptrdiff_t k = i; k < q_; ++k) sum += factor[at(k, i)] * column[k];
      into[i] = sum;
    }
    solve(root, into);
  }

  /// L⁻¹x and L⁻ᵀx in place.
  void solve(const T* root, T* x) const {
    for (std::ptrdiff_t i = 0; i < q_; ++i) {
      T sum = x[i];
      for (std::ptrdiff_t k = 0; k < i; ++k) sum -= root[at(i, k)] * x[k];
      x[i] = sum * root[at(i, i)];
    }
  }
  void solve_transposed(const T* root, T* x) const {
    for (std::ptrdiff_t i = q_; i-- > 0;) {
      T sum = x[i];
      for (std::ptrdiff_t k = i + 1; k < q_; ++k) sum -= root[at(k, i)] * x[k];
      x[i] = sum * root[at(i, i)];
    }
  }

  /// The inner product of two columns.
  T dot(const T* a, const T* b) const {
    T sum = a[0] * b[0];
    for (std::ptrdiff_t i = 1; i < q_; ++i) sum += a[i] * b[i];
    return sum;
  }

  /// Of -log |L| and of a function with slopes in A: P = L'L̄ begins at -I - r r̄' (see BlockWhitening) ...
  void begin_slopes(const T* r, const T* r_slopes, T* P) const {
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = j; i < q_; ++i) {
        P[at(i, j)] = -r[i] * r_slopes[j];
        if (i == j) P[at(i, j)] -= one();
      }
    }
  }

  /// ... loses the product of each column's slopes with the column, and the slopes become those in Λ'N ...
  void couple_slopes(const T* root, const T* column, T* slopes, T* P) const {
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = j; i < q_; ++i) P[at(i, j)] -= slopes[i] * column[j];
    }
    solve_transposed(root, slopes);
  }

  /// ... and gives slopes in B, `L⁻ᵀ Q L⁻¹` with Q = ½(P + P') of the lower triangle, which add `2 GΛB̄` to those in Λ.
  void end_slopes(const double* factor, const T* G, const T* root, T* P, T* factor_slopes) const {
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = j; i < q_; ++i) {
        P[at(i, j)] = 0.5 * P[at(i, j)];
        P[at(j, i)] = P[at(i, j)];
      }
    }
    for (std::ptrdiff_t j = 0; j < q_; ++j) solve_transposed(root, P + j * q_);
    for (std::ptrdiff_t i = 0; i < q_; ++i) {  // rows: as (L⁻ᵀ Q L⁻¹)' is itself
      for (std::ptrdiff_t k = q_; k-- > 0;) {
        T sum = P[at(i, k)];
        for (std::ptrdiff_t l = k + 1; l < q_; ++l) sum -= root[at(l, k)] * P[at(i, l)];
        P[at(i, k)] = sum * root[at(k, k)];
      }
    }
    std::array<T, size * size> product;  // GΛ
    times_factor(factor, G, product.data());
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = j; i < q_; ++i) {
        T sum = zero();
        for (std::ptrdiff_t k = 0; k < q_; ++k) sum += product[at(i, k)] * P[at(k, j)];
        factor_slopes[at(i, j)] += 2.0 * sum;
      }
    }
  }

  /// What a column N with slopes in Λ'N adds to those in Λ.
  void column_slopes(const T* column, const T* slopes, T* factor_slopes) const {
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = j; i < q_; ++i) factor_slopes[at(i, j)] += column[i] * slopes[j];
    }
  }

  static T zero() { return T(0.0); }
  static T one() { return T(1.0); }

  static constexpr int size = Q > 0 ? Q : most_block_effects;

 private:
  std::size_t at(std::ptrdiff_t i, std::ptrdiff_t j) const { return static_cast<std::size_t>(j * q_ + i); }

  void times_factor(const double* factor, const T* G, T* product) const {
    for (std::ptrdiff_t j = 0; j < q_; ++j) {
      for (std::ptrdiff_t i = 0; i < q_; ++i) {
        T sum = zero();
        for (std::ptrdiff_t k = j; k < q_; ++k) sum += G[at(i, k)] * factor[at(k, j)];
        product[at(i, j)] = sum;
      }
    }
  }

  std::ptrdiff_t q_;
};

}  // namespace filbert
