// One pass over the rows: centre, scale and QR a chunk that fits the cache, then fold it into the running factor.
#include "filbert/summary/sufficient_statistics.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr Eigen::Index most_rows = Eigen::Index{1} << 60;
constexpr int no_exponent = std::numeric_limits<int>::min() / 2;  // of a column that is zero: any other exponent wins

// A column counts as a combination of others when what they leave of it is this small a part of its own spread. Rounding in
// x and x² at 1e6 standard deviations from 0 leaves 1e-4 of a spread that is 1e-6 of its own; sums of decimals leave 1e-15.
constexpr double dependence_tolerance = 1e-10;

// A double of this size or more is refused: differences of what is below, and of their means, are doubles, and so are the powers
// of two that bring them to order one, and their inverses.
constexpr double too_large = 0x1p1021;
constexpr int largest_exponent = 1023, smallest_exponent = -1000;

// Not below 2^-1000, so that the power and its inverse are normal numbers.
int exponent_of(double magnitude) {
  return magnitude > 0 ? std::max(std::ilogb(magnitude) + 1, smallest_exponent) : no_exponent;
}

double power_of_two(int exponent) { return exponent == no_exponent ? 1.0 : std::ldexp(1.0, exponent); }

double change_of_unit(int from, int to) { return from == no_exponent ? 0.0 : std::ldexp(1.0, from - to); }

LeastSquaresSystem split(const MatrixXd& factor, const VectorXd& scale) {
  const Index p = factor.cols() - 1;
  return {factor.topLeftCorner(p, p), factor.col(p).head(p), factor(p, p) * factor(p, p), scale};
}

MatrixXd upper_triangle_of_qr(MatrixXd& stacked) {
  const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(stacked);
  const Index columns = stacked.cols();
  return qr.matrixQR().topRows(columns).triangularView<Eigen::Upper>();
}

std::string shown(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string row_and_value(Index row, double value) {
  return " at row " + std::to_string(row) + ", not " + shown(value);
}

/// Throws: finds the value that is not finite or too large.
[[noreturn]] void refuse_values(const RowsRef& X, const ValuesRef& y, Index first_row) {
  const auto check = [&](double value, const std::string& what, const std::string& where, Index row) {
    if (!std::isfinite(value)) {
      throw std::invalid_argument(what + " must be finite" + where + row_and_value(first_row + row, value));
    }
    if (std::abs(value) >= too_large) {
      throw std::invalid_argument(what + " must be below " + shown(too_large) + where +
                                  row_and_value(first_row + row, value) + "; choose a larger unit");
    }
  };
  for (Index i = 0; i < y.size(); ++i) {
    check(y(i), "y", "", i);
    for (Index j = 0; j < X.cols(); ++j) check(X(i, j), "X", " in column " + std::to_string(j), i);
  }
  throw std::invalid_argument("the values of X or y are too large: their sum overflows");
}

double checked_weight(double total) {
  if (std::isfinite(total)) return total;
  throw std::invalid_argument("the weights are too large: their sum overflows");
}

void require_weights(const ValuesRef& weights) {
  for (Index i = 0; i < weights.size(); ++i) {
    if (weights(i) >= 0 && std::isfinite(weights(i))) continue;
    throw std::invalid_argument("weights must be finite and not negative" + row_and_value(i, weights(i)));
  }
}

/// Which columns of a triangular factor are combinations of others, by Householder QR with column pivoting.
struct RankRevealed {
  Eigen::ColPivHouseholderQR<MatrixXd> qr;
  VectorXd length;  // of each column; the factor is divided by it
  Index rank = 0;

  explicit RankRevealed(const MatrixXd& factor, const std::vector<bool>& is_zero) : length(factor.cols()) {
    MatrixXd unit = factor;
    for (Index j = 0; j < factor.cols(); ++j) {
      const double norm = factor.col(j).stableNorm();
      length(j) = is_zero[static_cast<std::size_t>(j)] || norm == 0 ? 1 : norm;
      if (is_zero[static_cast<std::size_t>(j)]) unit.col(j).setZero();
      unit.col(j) /= length(j);
    }
    if (unit.size() > 0) qr.compute(unit);
    while (rank < factor.cols() && std::abs(qr.matrixQR()(rank, rank)) > dependence_tolerance) ++rank;
  }

  Index column(Index position) const { return qr.colsPermutation().indices()(position); }

  MatrixXd leading_triangle() const {
    if (rank == 0) return {};
    return qr.matrixQR().topLeftCorner(rank, rank).triangularView<Eigen::Upper>();
  }

  std::vector<std::vector<Index>> dependent_sets() const {
    std::vector<std::vector<Index>> sets;
    for (Index k = rank; k < length.size(); ++k) {
      const VectorXd combination =
          leading_triangle().triangularView<Eigen::Upper>().solve(qr.matrixQR().col(k).head(rank));
      std::vector<Index> set;
      for (Index i = 0; i < rank; ++i) {
        if (std::abs(combination(i)) > 1e-6) set.push_back(column(i));
      }
      std::sort(set.begin(), set.end());
      set.push_back(column(k));
      sets.push_back(std::move(set));
    }
    return sets;
  }
};

}  // namespace

SufficientStatistics::SufficientStatistics(Index columns) {
  if (columns < 0) throw std::invalid_argument("columns must not be negative, not " + std::to_string(columns));
  factor_ = MatrixXd::Zero(columns + 1, columns + 1);
  mean_ = VectorXd::Zero(columns + 1);
  exponents_ = Eigen::VectorXi::Constant(columns + 1, no_exponent);
}

SufficientStatistics SufficientStatistics::from_state(const State& state) {
  const auto require = [](bool holds, const char* what) {
    if (!holds) throw std::invalid_argument(std::string("not the state of a summary: ") + what);
  };
  const Index size = state.mean.size();
  require(size >= 1, "it has no columns");
  require(state.factor.rows() == size && state.factor.cols() == size && state.exponents.size() == size,
          "the sizes of its parts differ");
  require(state.mean.allFinite() && state.factor.allFinite(), "it has values that are not finite");
  require(state.factor.triangularView<Eigen::StrictlyLower>().toDenseMatrix().isZero(0.0),
          "its factor is not upper triangular");
  require(std::isfinite(state.total_weight) && state.total_weight >= 0 && state.n_rows >= 0,
          "its weight or number of rows is negative");
  require(state.n_rows <= most_rows && (state.n_rows > 0 || state.total_weight == 0),
          "its number of rows does not go with its weight");
  // Means of values below `too_large`, each rounded.
  require((state.mean.array().abs() <= too_large).all(), "its means are out of range");
  require((state.exponents.array() == no_exponent ||
           (state.exponents.array() >= smallest_exponent && state.exponents.array() <= largest_exponent))
              .all(),
          "its exponents are out of range");
  // Rows are at most of order one in their units, also about a mean that has moved since.
  const double most = 1e3 * std::sqrt(state.total_weight);
  for (Index j = 0; j < size; ++j) {
    require(state.factor.col(j).lpNorm<Eigen::Infinity>() <= (state.exponents(j) == no_exponent ? 0 : most),
            "its factor does not go with its weight and exponents");
  }
  SufficientStatistics summary(size - 1);
  summary.factor_ = state.factor;
  summary.mean_ = state.mean;
  summary.exponents_ = state.exponents;
  summary.total_weight_ = state.total_weight;
  summary.n_rows_ = state.n_rows;
  return summary;
}

void SufficientStatistics::update(const RowsRef& X, const ValuesRef& y, const std::optional<ValuesRef>& weights) {
  if (X.cols() != columns()) {
    throw std::invalid_argument("X must have " + std::to_string(columns()) + " columns, not " +
                                std::to_string(X.cols()));
  }
  if (X.rows() != y.size() || (weights && weights->size() != y.size())) {
    throw std::invalid_argument("X, y and weights must have the same number of rows, not " + std::to_string(X.rows()) +
                                ", " + std::to_string(y.size()) +
                                (weights ? " and " + std::to_string(weights->size()) : ""));
  }
  if (weights) require_weights(*weights);

  // Chunks of about 256 kB stay in the second-level cache; four times as many rows as columns amortise the running factor.
  const Index chunk = std::max<Index>(32768 / (columns() + 1), 4 * (columns() + 1));
  SufficientStatistics fresh = *this;  // so that a bad row leaves this summary as it was
  for (Index start = 0; start < y.size(); start += chunk) {
    const Index rows = std::min(chunk, y.size() - start);
    std::optional<ValuesRef> chunk_weights;
    if (weights) chunk_weights.emplace(weights->segment(start, rows));
    fresh.absorb(centre(X.middleRows(start, rows), y.segment(start, rows), chunk_weights, start));
  }
  *this = std::move(fresh);
}

SufficientStatistics::CentredRows SufficientStatistics::centre(const RowsRef& X, const ValuesRef& y,
                                                               const std::optional<ValuesRef>& weights,
                                                               Index first_row) {
  const Index columns = X.cols() + 1;
  std::vector<Index> counted;  // rows of weight zero must not even set a column's scale
  for (Index i = 0; i < y.size(); ++i) {
    if (!weights || (*weights)(i) > 0) counted.push_back(i);
  }
  const Index rows = static_cast<Index>(counted.size());
  CentredRows block{MatrixXd(rows, columns), VectorXd(columns), Eigen::VectorXi(columns), 0, y.size()};
  if (rows == 0) return block;
  VectorXd weight = VectorXd::Ones(rows);
  if (weights) weight = (*weights)(counted);
  block.total_weight = checked_weight(weight.sum());
  if (rows == y.size()) {
    block.rows << X, y;
  } else {
    block.rows << X(counted, Eigen::all), y(counted);
  }

  for (Index j = 0; j < columns; ++j) {
    Eigen::Ref<VectorXd> values = block.rows.col(j);
    const double least = values.minCoeff<Eigen::PropagateNaN>();
    const double largest = values.maxCoeff<Eigen::PropagateNaN>();
    if (!(std::abs(least) < too_large && std::abs(largest) < too_large)) refuse_values(X, y, first_row);
    double mean = least;
    if (least == largest) {
      values.setZero();  // exactly, where subtracting a rounded mean would leave noise
    } else {
      mean = values.dot(weight) / block.total_weight;
      values.array() -= mean;
      const double rounding = values.dot(weight) / block.total_weight;  // of the mean, once more
      values.array() -= rounding;
      mean += rounding;
    }
    if (!std::isfinite(mean)) refuse_values(X, y, first_row);
    block.mean(j) = mean;
    block.exponents(j) = exponent_of(values.lpNorm<Eigen::Infinity>());
    values /= power_of_two(block.exponents(j));
    if (weights) values.array() *= weight.array().sqrt();
  }
  return block;
}

void SufficientStatistics::merge(const SufficientStatistics& other) {
  if (other.columns() != columns()) {
    throw std::invalid_argument("summaries to merge must have the same columns, not " + std::to_string(columns()) +
                                " and " + std::to_string(other.columns()));
  }
  absorb({other.factor_, other.mean_, other.exponents_, other.total_weight_, other.n_rows_});
}

void SufficientStatistics::absorb(const CentredRows& block) {
  // Everything that can fail comes before the first change.
  if (block.n_rows > most_rows - n_rows_) throw std::invalid_argument("there are too many rows for their number");
  if (block.total_weight == 0) {
    n_rows_ += block.n_rows;
    return;
  }
  const Index columns = mean_.size();
  const double total = checked_weight(total_weight_ + block.total_weight);
  const VectorXd difference = total_weight_ == 0 ? VectorXd(VectorXd::Zero(columns)) : VectorXd(block.mean - mean_);
  const double between = std::sqrt(total_weight_) * std::sqrt(block.total_weight / total);

  MatrixXd stacked(columns + block.rows.rows() + 1, columns);
  Eigen::VectorXi exponents(columns);
  for (Index j = 0; j < columns; ++j) {
    const int exponent = std::max({exponents_(j), block.exponents(j), exponent_of(std::abs(difference(j)))});
    stacked.col(j).head(columns) = factor_.col(j) * change_of_unit(exponents_(j), exponent);
    stacked.col(j).segment(columns, block.rows.rows()) =
        block.rows.col(j) * change_of_unit(block.exponents(j), exponent);
    stacked(stacked.rows() - 1, j) = between * (difference(j) / power_of_two(exponent));
    exponents(j) = exponent;
  }
  MatrixXd factor = upper_triangle_of_qr(stacked);
  VectorXd mean = total_weight_ == 0 ? block.mean : VectorXd(mean_ + difference * (block.total_weight / total));
  factor_.swap(factor);
  mean_.swap(mean);
  exponents_.swap(exponents);
  total_weight_ = total;
  n_rows_ += block.n_rows;
}

VectorXd SufficientStatistics::sd() const {
  VectorXd result(mean_.size());
  for (Index j = 0; j < mean_.size(); ++j) {
    result(j) = is_constant(j) ? 0 : factor_.col(j).norm() / std::sqrt(total_weight_) * power_of_two(exponents_(j));
  }
  return result;
}

bool SufficientStatistics::is_constant(Index column) const {
  if (column < 0 || column > columns()) {
    throw std::out_of_range("column must be from 0 to " + std::to_string(columns()) + " (the response), not " +
                            std::to_string(column));
  }
  const double spread = factor_.col(column).norm() / std::sqrt(std::max(total_weight_, 1e-300));
  return spread * power_of_two(exponents_(column)) <= 4 * epsilon * std::abs(mean_(column)) || spread == 0;
}

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
  const MatrixXd triangle = upper_triangle_of_qr(stacked);
  MatrixXd factor(columns, columns);
  for (Index k = 0; k < columns; ++k) factor.col(order(k)) = triangle.col(k);
  return split(factor, scale);
}

LeastSquares SufficientStatistics::least_squares(bool intercept) const {
  const Index p = columns();
  const LeastSquaresSystem system = intercept ? centred() : uncentred();
  std::vector<bool> is_zero(static_cast<std::size_t>(p), false);
  for (Index j = 0; intercept && j < p; ++j) is_zero[static_cast<std::size_t>(j)] = is_constant(j);
  const RankRevealed revealed(system.factor, is_zero);
  const Index rank = revealed.rank;
  VectorXd rotated = system.target;
  if (p > 0) rotated.applyOnTheLeft(revealed.qr.householderQ().adjoint());
  const MatrixXd triangle = revealed.leading_triangle();
  const MatrixXd inverse = triangle.triangularView<Eigen::Upper>().solve(MatrixXd::Identity(rank, rank));
  const VectorXd solution = triangle.triangularView<Eigen::Upper>().solve(rotated.head(rank));
  const double missing = std::numeric_limits<double>::quiet_NaN();
  const double response_scale = system.scale(p);
  const double rss = system.residual + rotated.tail(p - rank).squaredNorm();

  LeastSquares fit;
  fit.rank = rank + (intercept ? 1 : 0);
  fit.dependent = revealed.dependent_sets();
  fit.degrees_of_freedom = total_weight_ - static_cast<double>(fit.rank);
  fit.residual_sum_of_squares = rss * response_scale * response_scale;
  const double sigma = fit.degrees_of_freedom > 0 ? std::sqrt(rss / fit.degrees_of_freedom) : missing;
  fit.sigma = sigma * response_scale;
  if (rank > 0) {
    fit.condition_number = triangle.colwise().lpNorm<1>().maxCoeff() * inverse.colwise().lpNorm<1>().maxCoeff();
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
