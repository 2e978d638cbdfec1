// The least-squares systems of a summary, and the classical fit.
#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>
#include <vector>

#include "filbert/summary/sufficient_statistics.hpp"
#include "filbert/summary/triangle.hpp"
#include "units.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

// A column counts as a combination of others when what they leave of it is this small a part of its own spread. Rounding in
// x and x² at 1e6 standard deviations from 0 leaves 1e-4 of a spread that is 1e-6 of its own; sums of decimals leave 1e-15.
constexpr double dependence_tolerance = 1e-10;

LeastSquaresSystem split(const MatrixXd& factor, const VectorXd& scale) {
  const Index p = factor.cols() - 1;
  return {factor.topLeftCorner(p, p), factor.col(p).head(p), factor(p, p) * factor(p, p), scale};
}

/// Which columns of a factor are combinations of others, and the triangle of those that are not: without pivots where no column is, and
/// otherwise by Householder QR with column pivoting.
class RankRevealed {
 public:
  RankRevealed(const MatrixXd& factor, const VectorXd& target, const std::vector<bool>& is_zero)
      : length_(factor.cols()), order_(static_cast<std::size_t>(factor.cols())) {
    const Index p = factor.cols();
    MatrixXd unit(factor.rows(), p + 1);
    unit << factor, target;
    for (Index j = 0; j < p; ++j) {
      const double norm = factor.col(j).stableNorm();
      length_(j) = is_zero[static_cast<std::size_t>(j)] || norm == 0 ? 1 : norm;
      if (is_zero[static_cast<std::size_t>(j)]) unit.col(j).setZero();
      unit.col(j) /= length_(j);
    }
    std::iota(order_.begin(), order_.end(), Index{0});
    if (!find_independent(unit)) pivot(unit);
  }

  Index rank() const { return rank_; }
  Index column(Index position) const { return order_[static_cast<std::size_t>(position)]; }
  double length(Index column) const { return length_(column); }
  const MatrixXd& triangle() const { return triangle_; }  ///< (rank, rank)
  const MatrixXd& inverse() const { return inverse_; }    ///< of the triangle
  const VectorXd& rotated() const { return rotated_; }    ///< the target; what is below the rank is not explained

  std::vector<std::vector<Index>> dependent_sets() const {
    std::vector<std::vector<Index>> sets;
    const MatrixXd combinations = product(inverse_, dependent_);
    for (Index k = 0; k < combinations.cols(); ++k) {
      std::vector<Index> set;
      for (Index i = 0; i < rank_; ++i) {
        if (std::abs(combinations(i, k)) > 1e-6) set.push_back(column(i));
      }
      std::sort(set.begin(), set.end());
      set.push_back(column(rank_ + k));
      sets.push_back(std::move(set));
    }
    return sets;
  }

 private:
  /// Returns whether every column keeps its distance from what all others span, which is one over the length of its row of the inverse.
  /// No pivoting finds fewer columns independent then.
  bool find_independent(const MatrixXd& unit) {
    const Index p = unit.cols() - 1;
    const MatrixXd triangle = triangle_of(unit);
    if (!(triangle.diagonal().head(p).array() > dependence_tolerance).all()) return false;
    inverse_ = inverse_of_triangle(triangle.topLeftCorner(p, p));
    if (!(inverse_.rowwise().norm().array() < 1 / dependence_tolerance).all()) return false;
    rank_ = p;
    triangle_ = triangle.topLeftCorner(p, p);
    rotated_ = triangle.col(p);  // the last element is what rows beyond the columns hold
    dependent_ = MatrixXd(p, 0);
    return true;
  }

  void pivot(const MatrixXd& unit) {
    const Index p = unit.cols() - 1;
    const Eigen::ColPivHouseholderQR<MatrixXd> qr(unit.leftCols(p));
    rank_ = 0;
    while (rank_ < p && std::abs(qr.matrixQR()(rank_, rank_)) > dependence_tolerance) ++rank_;
    for (Index k = 0; k < p; ++k) order_[static_cast<std::size_t>(k)] = qr.colsPermutation().indices()(k);
    triangle_ = qr.matrixQR().topLeftCorner(rank_, rank_).triangularView<Eigen::Upper>();
    inverse_ = inverse_of_triangle(triangle_);
    rotated_ = unit.col(p);
    rotated_.applyOnTheLeft(qr.householderQ().adjoint());
    dependent_ = qr.matrixQR().topRightCorner(rank_, p - rank_);
  }

  VectorXd length_;  // of each column; the factor is divided by it
  std::vector<Index> order_;
  Index rank_ = 0;
  MatrixXd triangle_, inverse_;
  MatrixXd dependent_;  // what the other columns are in the directions of the independent ones
  VectorXd rotated_;
};

}  // namespace

LeastSquaresSystem SufficientStatistics::centred() const {
  return split(factor_, exponents_.unaryExpr([](int exponent) { return power_of_two(exponent); }));
}

LeastSquaresSystem SufficientStatistics::uncentred() const {
  const Index columns = mean_.size();
  // Constant columns go first: the QR then leaves the centred part of all others as it is, however large their means.
  Eigen::VectorXi order = Eigen::VectorXi::LinSpaced(static_cast<int>(columns), 0, static_cast<int>(columns) - 1);
  std::stable_partition(order.begin(), order.end() - 1, [this](int j) { return is_constant(j); });

  VectorXd scale(columns);
  MatrixXd stacked(columns + 1, columns);
  for (Index k = 0; k < columns; ++k) {
    const Index j = order(k);
    const int exponent = std::max(exponents_(j), exponent_of(std::abs(mean_(j))));
    scale(j) = power_of_two(exponent);
    stacked.col(k).head(columns) = factor_.col(j) * change_of_unit(exponents_(j), exponent);
    stacked(columns, k) = std::sqrt(total_weight_) * (mean_(j) / scale(j));
  }
  const MatrixXd triangle = triangle_of(stacked);
  MatrixXd factor(columns, columns);
  for (Index k = 0; k < columns; ++k) factor.col(order(k)) = triangle.col(k);
  return split(factor, scale);
}

LeastSquares SufficientStatistics::least_squares(bool intercept) const {
  const Index p = columns();
  const LeastSquaresSystem system = intercept ? centred() : uncentred();
  std::vector<bool> is_zero(static_cast<std::size_t>(p), false);
  for (Index j = 0; intercept && j < p; ++j) is_zero[static_cast<std::size_t>(j)] = is_constant(j);
  const RankRevealed revealed(system.factor, system.target, is_zero);
  const Index rank = revealed.rank();
  const VectorXd& rotated = revealed.rotated();
  const MatrixXd& inverse = revealed.inverse();
  const VectorXd solution = revealed.triangle().triangularView<Eigen::Upper>().solve(rotated.head(rank));
  const double missing = std::numeric_limits<double>::quiet_NaN();
  const double response_scale = system.scale(p);
  const double rss = system.residual + rotated.tail(rotated.size() - rank).squaredNorm();

  LeastSquares fit;
  fit.rank = rank + (intercept ? 1 : 0);
  fit.dependent = revealed.dependent_sets();
  fit.degrees_of_freedom = total_weight_ - static_cast<double>(fit.rank);
  fit.residual_sum_of_squares = rss * response_scale * response_scale;
  const double sigma = fit.degrees_of_freedom > 0 ? std::sqrt(rss / fit.degrees_of_freedom) : missing;
  fit.sigma = sigma * response_scale;
  if (rank > 0) {
    fit.condition_number =
        revealed.triangle().colwise().lpNorm<1>().maxCoeff() * inverse.colwise().lpNorm<1>().maxCoeff();
  }

  const Index first = intercept ? 1 : 0;
  fit.estimate = VectorXd::Constant(p + first, missing);
  fit.standard_error = fit.estimate;
  VectorXd mean_in_units = VectorXd::Zero(rank);  // the means of the columns at unit length
  double shift = 0;                               // of the intercept, from the means of the columns to 0
  for (Index k = 0; k < rank; ++k) {
    const Index j = revealed.column(k);
    const double unit = system.scale(j) * revealed.length(j);
    fit.estimate(first + j) = solution(k) / unit * response_scale;
    fit.standard_error(first + j) = sigma * inverse.row(k).norm() / unit * response_scale;
    mean_in_units(k) = mean_(j) / unit;
    shift += mean_in_units(k) * solution(k);
  }
  if (intercept) {
    fit.estimate(0) = mean_(p) - shift * response_scale;
    const double leverage = std::hypot(1 / std::sqrt(total_weight_), (inverse.transpose() * mean_in_units).norm());
    fit.standard_error(0) = fit.sigma * leverage;
  }
  return fit;
}

}  // namespace filbert
