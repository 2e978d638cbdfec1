// Folds rows of a regression into the small summary that its Gaussian likelihood depends on.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

namespace filbert {

class RowBuffer;

/// Rows and columns at any stride, so that NumPy arrays of either order come in without a copy.
using RowsRef = Eigen::Ref<const Eigen::MatrixXd, 0, Eigen::Stride<Eigen::Dynamic, Eigen::Dynamic>>;
using ValuesRef = Eigen::Ref<const Eigen::VectorXd, 0, Eigen::InnerStride<>>;

/// A classical least-squares fit. Coefficients that other columns determine are NaN, and so are their standard errors.
struct LeastSquares {
  Eigen::VectorXd estimate;        ///< one a column; with an intercept, the intercept first
  Eigen::VectorXd standard_error;  ///< the same order
  double residual_sum_of_squares = 0;
  double degrees_of_freedom = 0;  ///< total weight less rank
  double sigma = 0;               ///< residual standard deviation; NaN without degrees of freedom
  double condition_number = 1;    ///< of the (centred) columns at unit length, in the 1-norm
  Eigen::Index rank = 0;          ///< with the intercept
  /// Sets of columns of which the last is a linear combination of the others; a column alone is constant (or zero).
  std::vector<std::vector<Eigen::Index>> dependent;
};

/// `‖Xβ - y‖² = ‖factor β - target‖² + residual`, with X and y divided by powers of two so that no square overflows.
struct LeastSquaresSystem {
  Eigen::MatrixXd factor;  ///< square, one row and column a coefficient
  Eigen::VectorXd target;
  double residual = 0;
  Eigen::VectorXd scale;  ///< the powers of two of the columns, the response last
};

/// What a Gaussian likelihood sees of the rows: total weight, means, and the triangular factor of the centred `[X y]`.
///
/// Each column is centred at its weighted mean and scaled by a power of two (so exactly) before Householder QR. Not X'X, which
/// squares the condition number; the factor's diagonal is not negative, which makes it unique. Centring is undone exactly by one
/// more row, √N·mean, so whether there is an intercept is asked at the end, not here. Summaries form a monoid: `merge` of two
/// blocks of rows equals the summary of all rows.
class SufficientStatistics {
 public:
  /// Of no rows yet, with `columns` predictors.
  explicit SufficientStatistics(Eigen::Index columns);

  /// All that a summary holds, to be stored and restored to the last bit.
  struct State {
    Eigen::MatrixXd factor;     ///< (columns + 1)², upper triangular, of the centred `[X y]` times 2^-exponents
    Eigen::VectorXd mean;       ///< (columns + 1), the response last
    Eigen::VectorXi exponents;  ///< the units' powers of two, (columns + 1)
    double total_weight = 0;
    Eigen::Index n_rows = 0;
  };

  State state() const { return {factor_, mean_, exponents_, total_weight_, n_rows_}; }

  /// Throws std::invalid_argument for sizes that do not match, and for values that no rows can give.
  static SufficientStatistics from_state(const State& state);

  /// Folds rows in: `X` (rows, columns), `y` (rows), `weights` (rows), non-negative; a row of weight w counts as w rows.
  /// Throws std::invalid_argument for sizes that do not match, and for values that are not finite, or of 2^1021 (2.2e307) and more,
  /// whose differences may not be. After an exception, of this kind or any other, the summary is as it was; so in `merge`.
  void update(const RowsRef& X, const ValuesRef& y, const std::optional<ValuesRef>& weights = std::nullopt);

  /// The same of columns that lie apart, one by one.
  void update(const std::vector<ValuesRef>& columns, const ValuesRef& y,
              const std::optional<ValuesRef>& weights = std::nullopt);

  /// Folds in the rows of another summary of the same columns.
  void merge(const SufficientStatistics& other);

  Eigen::Index columns() const { return mean_.size() - 1; }
  Eigen::Index n_rows() const { return n_rows_; }
  double total_weight() const { return total_weight_; }

  /// Weighted means, (columns + 1), the response last.
  const Eigen::VectorXd& mean() const { return mean_; }

  /// Weighted standard deviations with divisor N, (columns + 1), the response last.
  Eigen::VectorXd sd() const;

  /// True for a column (the response has index `columns()`) whose values differ by no more than rounding. Throws
  /// std::out_of_range for a column that there is not.
  bool is_constant(Eigen::Index column) const;

  /// The least-squares system of the centred rows: intercept and slopes decouple.
  LeastSquaresSystem centred() const;

  /// The system of the rows as they are, for a model without an intercept.
  LeastSquaresSystem uncentred() const;

  /// The classical fit, with or without an intercept beside the columns.
  LeastSquares least_squares(bool intercept) const;

 private:
  /// Rows as they are given.
  struct Rows {
    std::vector<ValuesRef> columns;  ///< the response last
    const std::optional<ValuesRef>& weights;
  };

  void absorb(const Rows& rows);

  // These leave the summary broken where they throw: only for summaries that are then thrown away.
  void absorb_parts(const Rows& rows, Eigen::Index parts);
  void absorb_rows(const Rows& rows, Eigen::Index first, Eigen::Index last);
  void absorb_chunk(const Rows& rows, Eigen::Index start, Eigen::Index count, RowBuffer& buffer);

  void absorb_factor(const SufficientStatistics& other, double total);
  void raise_exponent(Eigen::Index column, int least);

  Eigen::MatrixXd factor_;  // (columns + 1)², upper triangular with a diagonal >= 0, of the centred and scaled [X y]
  Eigen::VectorXd mean_;
  Eigen::VectorXi exponents_;
  double total_weight_ = 0;
  Eigen::Index n_rows_ = 0;
};

}  // namespace filbert
