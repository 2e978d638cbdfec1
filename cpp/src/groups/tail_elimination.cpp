// Eliminates the blocks of the largest factor into the dense components of the others, and those into the coefficients.
#include "filbert/groups/tail_elimination.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "filbert/numeric/dense_kernels.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The upper triangle of the first columns from the lower one, in squares that fit into the cache.
void fill_upper(MatrixXd& G, Index size) {
  constexpr Index side = 32;
  for (Index j = 0; j < size; j += side) {
    const Index columns = std::min(side, size - j);
    for (Index i = j; i < size; i += side) {
      const Index rows = std::min(side, size - i);
      for (Index a = 0; a < columns; ++a) {
        for (Index b = i == j ? a + 1 : 0; b < rows; ++b) G(j + a, i + b) = G(i + b, j + a);
      }
    }
  }
}

}  // namespace

TailElimination::TailElimination(const KeptRows& rows) : shared_(share(rows)), kernels_(&dense_kernels()) {
  const Index q = shared_->effects;
  const Index width = shared_->width;
  Index widest = 0;
  Index longest = 0;
  for (const Group& group : shared_->groups) {
    whitened_.emplace_back(q, group.rows.cols());
    widest = std::max(widest, group.rows.cols() - q);
  }
  for (const Component& component : shared_->components) {
    const Index size = static_cast<Index>(component.tail.size());
    longest = std::max(longest, size);
    Work work;
    work.G.resize(size, size + width);
    work.root.resize(size, size);
    work.half.resize(size, width);
    work.whole.resize(size, width);
    work.z_slopes.resize(size, size + width);
    work.G_slopes.resize(size, size + width);
    work.scaled.resize(size, size + width);
    work.scale.resize(size);
    work_.push_back(std::move(work));
  }
  spread_.resize(q, q);
  root_.resize(q, q);
  inner_.resize(q, q);
  covariance_slopes_.resize(q, q);
  gathered_.resize(widest, widest);
  product_.resize(q, widest);
  z_.resize(longest);
}

Index TailElimination::largest() const { return z_.size(); }

double TailElimination::forward(const std::vector<MatrixXd>& factors, double sigma, MatrixXd& K) {
  const double variance = sigma * sigma;
  for (std::size_t c = 0; c < work_.size(); ++c) work_[c].G = shared_->components[c].lower_square / variance;
  K = shared_->rest_square / variance;
  double log_determinant = shared_->free_rows * std::log(variance);
  log_determinant += eliminate_groups(factors[shared_->primary], variance, K);
  for (std::size_t c = 0; c < work_.size(); ++c) sum_columns(c);
  for (std::size_t c = 0; c < work_.size(); ++c) log_determinant += eliminate_component(c, factors, K);
  return log_determinant;
}

double TailElimination::eliminate_groups(const MatrixXd& factor, double variance, MatrixXd& K) {
  const Index q = shared_->effects;
  const Index width = shared_->width;
  double log_determinant = 0;
  for (std::size_t g = 0; g < shared_->groups.size(); ++g) {
    const Group& group = shared_->groups[g];
    const Index touched = static_cast<Index>(group.at.size());
    spread_.noalias() = group.rows.leftCols(q).lazyProduct(factor);
    root_.noalias() = spread_.lazyProduct(spread_.transpose());
    root_.diagonal().array() += variance;
    MatrixXd& whitened = whitened_[g];
    whitened = group.rows;
    for (Index i = 0; i < q; ++i) {  // Cholesky and forward substitution, row by row
      for (Index j = 0; j < i; ++j) {
        root_(i, j) = (root_(i, j) - root_.row(i).head(j).dot(root_.row(j).head(j))) / root_(j, j);
        whitened.row(i) -= root_(i, j) * whitened.row(j);
      }
      const double pivot = root_(i, i) - root_.row(i).head(i).squaredNorm();
      log_determinant += std::log(pivot);
      root_(i, i) = std::sqrt(pivot);
      whitened.row(i) /= root_(i, i);
    }
    MatrixXd& G = work_[group.component].G;
    const Index size = G.rows();
    const bool is_large = size > small_component;
    for (Index a = 0; a < touched; ++a) {
      const Index row = group.at[static_cast<std::size_t>(a)];
      for (Index i = 0; i < q; ++i) {
        const double by = whitened(i, q + a);
        for (Index b = is_large ? touched : a; b < touched; ++b) {
          G(group.at[static_cast<std::size_t>(b)], row) += by * whitened(i, q + b);
        }
        for (Index b = 0; b < width; ++b) G(row, size + b) += by * whitened(i, q + touched + b);
      }
    }
    K.noalias() += whitened.rightCols(width).transpose().lazyProduct(whitened.rightCols(width));
  }
  return log_determinant;
}

/// Adds what groups leave to G_tt of a large component, column by column: group by group every number would miss the cache. Positions
/// that a group touches rise, so the lower triangle is made of those from the column's own on.
void TailElimination::sum_columns(std::size_t c) {
  const Component& component = shared_->components[c];
  const Index q = shared_->effects;
  for (std::size_t column = 0; column < component.touches.size(); ++column) {
    double* const into = work_[c].G.col(static_cast<Index>(column)).data();
    for (const Touch& touch : component.touches[column]) {
      const Group& group = shared_->groups[touch.group];
      const MatrixXd& whitened = whitened_[touch.group];
      const Index touched = static_cast<Index>(group.at.size());
      for (Index i = 0; i < q; ++i) {
        const double by = whitened(i, q + touch.place);
        for (Index b = touch.place; b < touched; ++b) {
          into[group.at[static_cast<std::size_t>(b)]] += by * whitened(i, q + b);
        }
      }
    }
  }
}

double TailElimination::eliminate_component(std::size_t c, const std::vector<MatrixXd>& factors, MatrixXd& K) {
  const Component& component = shared_->components[c];
  Work& work = work_[c];
  const Index size = work.G.rows();
  const Index width = shared_->width;
  // [Λ'G_tt Λ, Λ'G_tv]
  if (component.is_diagonal) {
    for (const Level& level : component.levels) work.scale(level.first) = factors[level.factor](0, 0);
    for (Index j = 0; j < size; ++j) {  // the lower triangle alone
      work.root.col(j).tail(size - j) =
          work.scale(j) * work.scale.tail(size - j).cwiseProduct(work.G.col(j).tail(size - j));
    }
    work.scaled.rightCols(width).noalias() = work.scale.asDiagonal() * work.G.rightCols(width);
  } else {
    fill_upper(work.G, size);
    for (const Level& level : component.levels) {
      work.scaled.middleRows(level.first, level.size).noalias() =
          factors[level.factor].transpose().lazyProduct(work.G.middleRows(level.first, level.size));
    }
    for (const Level& level : component.levels) {
      work.root.middleCols(level.first, level.size).noalias() =
          work.scaled.middleCols(level.first, level.size).lazyProduct(factors[level.factor]);
    }
  }
  work.root.diagonal().array() += 1;
  if (size > small_component) {
    kernels_->cholesky(work.root.data(), size);
  } else {
    const Eigen::LLT<Eigen::Ref<MatrixXd>> cholesky(work.root);
  }
  work.half = work.scaled.rightCols(width);
  work.root.triangularView<Eigen::Lower>().solveInPlace(work.half);
  K.noalias() -= work.half.transpose().lazyProduct(work.half);
  double log_determinant = 0;
  for (Index i = 0; i < size; ++i) log_determinant += std::log(work.root(i, i));
  return 2 * log_determinant;
}

double TailElimination::backward(const std::vector<MatrixXd>& factors, double sigma, const MatrixXd& K_slopes,
                                 double log_det_slope, std::vector<MatrixXd>& factor_slopes) {
  for (MatrixXd& slopes : factor_slopes) slopes.setZero();
  double log_sigma_slope =
      2 * log_det_slope * shared_->free_rows - 2 * K_slopes.cwiseProduct(shared_->rest_square).sum() / (sigma * sigma);
  for (std::size_t c = 0; c < work_.size(); ++c) {
    log_sigma_slope += component_slopes(c, factors, sigma, K_slopes, log_det_slope, factor_slopes);
  }
  return log_sigma_slope +
         group_slopes(factors[shared_->primary], K_slopes, log_det_slope, factor_slopes[shared_->primary]);
}

double TailElimination::component_slopes(std::size_t c, const std::vector<MatrixXd>& factors, double sigma,
                                         const MatrixXd& K_slopes, double log_det_slope,
                                         std::vector<MatrixXd>& factor_slopes) {
  const Component& component = shared_->components[c];
  Work& work = work_[c];
  const Index size = work.G.rows();
  const Index width = shared_->width;
  work.whole = work.half;
  work.root.transpose().triangularView<Eigen::Upper>().solveInPlace(work.whole);

  // In M: log_det_slope M⁻¹ + W K_slopes W', and in Λ'G_tv: -2 W K_slopes, with W = M⁻¹ Λ'G_tv.
  if (component.is_diagonal) fill_upper(work.G, size);
  Eigen::Ref<MatrixXd> in_M = work.z_slopes.leftCols(size);
  Eigen::Ref<MatrixXd> in_v = work.z_slopes.rightCols(width);
  if (size > small_component) {
    kernels_->inverse(work.root.data(), size, work.z_slopes.data());
  } else {
    in_M.setIdentity();
    work.root.triangularView<Eigen::Lower>().solveInPlace(in_M);
    work.root.transpose().triangularView<Eigen::Upper>().solveInPlace(in_M);
  }
  in_M *= log_det_slope;
  in_v.noalias() = work.whole.lazyProduct(K_slopes);
  in_M.noalias() += in_v * work.whole.transpose();
  in_v *= -2;

  // Through Λ: G_slopes = [Λ in_M Λ', Λ in_v], and Λ's own, 2 G_tt Λ in_M + G_tv in_v', from the blocks of each level.
  if (component.is_diagonal) {
    for (Index j = 0; j < size; ++j) {
      work.scaled.col(j) = work.scale.cwiseProduct(in_M.col(j));
      work.G_slopes.col(j) = work.scale(j) * work.scaled.col(j);
    }
    work.G_slopes.rightCols(width).noalias() = work.scale.asDiagonal() * in_v;
    for (const Level& level : component.levels) {  // G_tt is symmetric
      factor_slopes[level.factor](0, 0) += 2 * work.G.col(level.first).dot(work.scaled.col(level.first)) +
                                           work.G.rightCols(width).row(level.first).dot(in_v.row(level.first));
    }
  } else {
    for (const Level& level : component.levels) {
      work.scaled.middleRows(level.first, level.size).noalias() =
          factors[level.factor].lazyProduct(work.z_slopes.middleRows(level.first, level.size));
    }
    for (const Level& level : component.levels) {
      work.G_slopes.middleCols(level.first, level.size).noalias() =
          work.scaled.middleCols(level.first, level.size).lazyProduct(factors[level.factor].transpose());
    }
    work.G_slopes.rightCols(width) = work.scaled.rightCols(width);
    for (const Level& level : component.levels) {
      MatrixXd& slopes = factor_slopes[level.factor];
      slopes.noalias() += 2 * work.G.leftCols(size)
                                  .middleRows(level.first, level.size)
                                  .lazyProduct(work.scaled.middleCols(level.first, level.size));
      slopes.noalias() +=
          work.G.rightCols(width)
              .middleRows(level.first, level.size)
              .lazyProduct(work.z_slopes.rightCols(width).middleRows(level.first, level.size).transpose());
    }
  }
  return -2 * component.lower_square.cwiseProduct(work.G_slopes).sum() / (sigma * sigma);
}

double TailElimination::group_slopes(const MatrixXd& factor, const MatrixXd& K_slopes, double log_det_slope,
                                     MatrixXd& factor_slopes) {
  const Index q = shared_->effects;
  const Index width = shared_->width;
  covariance_slopes_.setZero();
  double trace = 0;
  for (std::size_t g = 0; g < shared_->groups.size(); ++g) {
    const Group& group = shared_->groups[g];
    const Index touched = static_cast<Index>(group.at.size());
    const MatrixXd& G_slopes = work_[group.component].G_slopes;
    const Index size = G_slopes.rows();
    // The slopes in (t, v)², symmetric: those in G_tv stand for both halves.
    for (Index b = 0; b < touched; ++b) {
      const Index column = group.at[static_cast<std::size_t>(b)];
      for (Index a = 0; a < touched; ++a) gathered_(a, b) = G_slopes(group.at[static_cast<std::size_t>(a)], column);
      for (Index a = 0; a < width; ++a) {
        gathered_(touched + a, b) = 0.5 * G_slopes(column, size + a);
        gathered_(b, touched + a) = gathered_(touched + a, b);
      }
    }
    const Index n = touched + width;
    gathered_.block(touched, touched, width, width) = K_slopes;
    const MatrixXd& whitened = whitened_[g];
    product_.leftCols(n).noalias() = whitened.rightCols(n).lazyProduct(gathered_.topLeftCorner(n, n));
    inner_.noalias() = -product_.leftCols(n).lazyProduct(whitened.rightCols(n).transpose());
    inner_.diagonal().array() += log_det_slope;
    trace += inner_.trace();
    spread_.noalias() = inner_.lazyProduct(whitened.leftCols(q));
    covariance_slopes_.noalias() += whitened.leftCols(q).transpose().lazyProduct(spread_);
  }
  factor_slopes.noalias() += 2 * covariance_slopes_.lazyProduct(factor);
  return 2 * (trace - covariance_slopes_.lazyProduct(factor).cwiseProduct(factor).sum());
}

void TailElimination::draw(const std::vector<MatrixXd>& factors, const VectorXd& v, const VectorXd& noise,
                           VectorXd& tail) {
  for (std::size_t c = 0; c < work_.size(); ++c) {
    const Component& component = shared_->components[c];
    Work& work = work_[c];
    const Index size = work.G.rows();
    Eigen::Ref<VectorXd> z = z_.head(size);
    z.noalias() = -work.half.lazyProduct(v);
    for (Index k = 0; k < size; ++k) z(k) += noise(component.tail[static_cast<std::size_t>(k)]);
    work.root.transpose().triangularView<Eigen::Upper>().solveInPlace(z);
    for (const Level& level : component.levels) {
      for (Index i = 0; i < level.size; ++i) {
        double sum = 0;
        for (Index j = 0; j <= i; ++j) sum += factors[level.factor](i, j) * z(level.first + j);
        tail(component.tail[static_cast<std::size_t>(level.first + i)]) = sum;
      }
    }
  }
}

}  // namespace filbert
