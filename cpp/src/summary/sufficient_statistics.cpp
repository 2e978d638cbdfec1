// One pass over the rows: centre and scale a chunk that fits the cache, then rotate it into the running factor.
#include "filbert/summary/sufficient_statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

#include "filbert/summary/triangle.hpp"
#include "filbert/threads/thread_pool.hpp"
#include "units.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

constexpr double epsilon = std::numeric_limits<double>::epsilon();
constexpr Eigen::Index most_rows = Eigen::Index{1} << 60;

// A double of this size or more is refused: differences of what is below, and of their means, are doubles, and so are the powers
// of two that bring them to order one, and their inverses.
constexpr double too_large = 0x1p1021;

std::string shown(double value) {
  std::ostringstream text;
  text << value;
  return text.str();
}

std::string row_and_value(Index row, double value) {
  return " at row " + std::to_string(row) + ", not " + shown(value);
}

/// Throws: finds the value that is not finite or too large.
[[noreturn]] void refuse_values(const std::vector<ValuesRef>& columns, Index first, Index last) {
  const auto check = [](double value, const std::string& what, const std::string& where, Index row) {
    if (!std::isfinite(value)) {
      throw std::invalid_argument(what + " must be finite" + where + row_and_value(row, value));
    }
    if (std::abs(value) >= too_large) {
      throw std::invalid_argument(what + " must be below " + shown(too_large) + where + row_and_value(row, value) +
                                  "; choose a larger unit");
    }
  };
  for (Index i = first; i < last; ++i) {
    check(columns.back()(i), "y", "", i);
    for (std::size_t j = 0; j + 1 < columns.size(); ++j) {
      check(columns[j](i), "X", " in column " + std::to_string(j), i);
    }
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
  for (Index i = 0; i < size; ++i) {  // files of earlier versions have either sign
    if (summary.factor_(i, i) < 0) summary.factor_.row(i) *= -1;
  }
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
  Rows rows{{}, weights};
  rows.columns.reserve(static_cast<std::size_t>(columns() + 1));
  for (Index j = 0; j < columns(); ++j) rows.columns.emplace_back(X.col(j));
  rows.columns.push_back(y);
  absorb(rows);
}

void SufficientStatistics::update(const std::vector<ValuesRef>& given, const ValuesRef& y,
                                  const std::optional<ValuesRef>& weights) {
  if (static_cast<Index>(given.size()) != columns()) {
    throw std::invalid_argument("there must be " + std::to_string(columns()) + " columns, not " +
                                std::to_string(given.size()));
  }
  for (const ValuesRef& column : given) {
    if (column.size() == y.size()) continue;
    throw std::invalid_argument("columns and y must have the same number of rows, not " +
                                std::to_string(column.size()) + " and " + std::to_string(y.size()));
  }
  if (weights && weights->size() != y.size()) {
    throw std::invalid_argument("y and weights must have the same number of rows, not " + std::to_string(y.size()) +
                                " and " + std::to_string(weights->size()));
  }
  Rows rows{given, weights};
  rows.columns.push_back(y);
  absorb(rows);
}

void SufficientStatistics::absorb(const Rows& rows) {
  if (rows.weights) require_weights(*rows.weights);
  const Index count = rows.columns.back().size();
  // Threads take parts of the rows where the triangles are small; where they are wide, they share the columns. Which of the two, and
  // what parts there are, depends on sizes alone, so that the numbers do not depend on the machine.
  constexpr Index few_columns = 128, rows_a_part = 8192;
  const Index parts = columns() < few_columns ? count / rows_a_part : 1;
  SufficientStatistics fresh = *this;  // so that a bad row leaves this summary as it was
  if (parts < 2) {
    fresh.absorb_rows(rows, 0, count);
  } else {
    fresh.absorb_parts(rows, parts);
  }
  *this = std::move(fresh);
}

void SufficientStatistics::absorb_parts(const Rows& rows, Index parts) {
  std::vector<SufficientStatistics> summaries(static_cast<std::size_t>(parts), SufficientStatistics(columns()));
  const Index count = rows.columns.back().size();
  const auto bound = [&](Index part) { return count / parts * part + std::min(part, count % parts); };
  try {
    ThreadPool::shared().run(static_cast<int>(parts), [&](int part) {
      summaries[static_cast<std::size_t>(part)].absorb_rows(rows, bound(part), bound(part + 1));
    });
  } catch (const std::invalid_argument&) {
    // Of several bad rows the first is named, which is not always the first that a thread met.
    for (Index part = 0; part < parts; ++part) {
      SufficientStatistics(columns()).absorb_rows(rows, bound(part), bound(part + 1));
    }
    throw;
  }
  for (const SufficientStatistics& summary : summaries) merge(summary);
}

void SufficientStatistics::absorb_rows(const Rows& rows, Index first, Index last) {
  // About 256 kB of rows stay in the second-level cache while they are centred and rotated.
  const Index chunk = std::max<Index>(32768 / (columns() + 1), 256);
  RowBuffer buffer(std::min(chunk, last - first) + 1, columns() + 1);
  for (Index start = first; start < last; start += chunk) {
    absorb_chunk(rows, start, std::min(chunk, last - start), buffer);
  }
}

void SufficientStatistics::absorb_chunk(const Rows& given, Index start, Index count, RowBuffer& buffer) {
  std::vector<Index> counted;  // rows of weight zero must not even set a column's scale
  VectorXd weight, root;
  double added = static_cast<double>(count);
  if (given.weights) {
    for (Index i = start; i < start + count; ++i) {
      if ((*given.weights)(i) > 0) counted.push_back(i);
    }
    weight = (*given.weights)(counted);
    root = weight.cwiseSqrt();
    added = checked_weight(weight.sum());
  }
  if (count > most_rows - n_rows_) throw std::invalid_argument("there are too many rows for their number");
  n_rows_ += count;
  if (added == 0) return;
  const bool all = !given.weights || static_cast<Index>(counted.size()) == count;
  const Index rows = all ? count : static_cast<Index>(counted.size());
  const double* const weights = given.weights ? weight.data() : nullptr;
  const double total = checked_weight(total_weight_ + added);
  const double between = std::sqrt(total_weight_) * std::sqrt(added / total);

  const TriangleKernels& kernels = triangle_kernels();
  for (Index j = 0; j <= columns(); ++j) {
    Eigen::Map<VectorXd> values(buffer.column(j), rows);
    const ValuesRef& column = given.columns[static_cast<std::size_t>(j)];
    if (all && column.innerStride() == 1) {
      values = Eigen::Map<const VectorXd>(column.data() + start, rows);
    } else if (all) {
      values = column.segment(start, rows);
    } else {
      values = column(counted);
    }
    const ColumnMoments moments = kernels.moments(values.data(), weights, rows);
    if (std::isnan(moments.sum) || !(std::max(std::abs(moments.least), std::abs(moments.largest)) < too_large)) {
      refuse_values(given.columns, start, start + count);
    }
    double mean = moments.least, shift = 0, magnitude = 0;
    if (moments.least == moments.largest) {
      values.setZero();  // exactly, where subtracting a rounded mean would leave noise
    } else {
      mean = moments.sum / added;
      if (!std::isfinite(mean)) {
        refuse_values(given.columns, start, start + count);
      }
      shift = kernels.centre(values.data(), weights, rows, mean) / added;  // the rounding of the mean
      magnitude = std::max(moments.largest - mean, mean - moments.least);
      mean += shift;
    }
    const double difference = total_weight_ == 0 ? 0 : mean - mean_(j);
    raise_exponent(j, std::max(exponent_of(magnitude), exponent_of(std::abs(difference))));
    kernels.scale(values.data(), given.weights ? root.data() : nullptr, rows, shift, 1 / power_of_two(exponents_(j)));
    buffer.column(j)[rows] = between * (difference / power_of_two(exponents_(j)));
    mean_(j) = total_weight_ == 0 ? mean : mean_(j) + difference * (added / total);
  }
  total_weight_ = total;
  buffer.set_rows(rows + 1);
  rotate_into(factor_, buffer, kernels);
}

void SufficientStatistics::raise_exponent(Index column, int least) {
  const int exponent = std::max(exponents_(column), least);
  if (exponent == exponents_(column)) return;
  factor_.col(column) *= change_of_unit(exponents_(column), exponent);
  exponents_(column) = exponent;
}

void SufficientStatistics::merge(const SufficientStatistics& other) {
  if (other.columns() != columns()) {
    throw std::invalid_argument("summaries to merge must have the same columns, not " + std::to_string(columns()) +
                                " and " + std::to_string(other.columns()));
  }
  // Everything that can fail comes before the first change.
  if (other.n_rows_ > most_rows - n_rows_) throw std::invalid_argument("there are too many rows for their number");
  const double total = checked_weight(total_weight_ + other.total_weight_);
  const Index rows = n_rows_ + other.n_rows_;
  if (total_weight_ == 0 && other.total_weight_ > 0)
    *this = SufficientStatistics(other);
  else if (other.total_weight_ > 0)
    absorb_factor(other, total);
  n_rows_ = rows;
}

void SufficientStatistics::absorb_factor(const SufficientStatistics& other, double total) {
  const Index size = mean_.size();
  RowBuffer buffer(size + 1, size);
  const double between = std::sqrt(total_weight_) * std::sqrt(other.total_weight_ / total);
  for (Index j = 0; j < size; ++j) {
    const double difference = other.mean_(j) - mean_(j);
    raise_exponent(j, std::max(other.exponents_(j), exponent_of(std::abs(difference))));
    const double unit = change_of_unit(other.exponents_(j), exponents_(j));
    buffer.column(j)[0] = between * (difference / power_of_two(exponents_(j)));
    for (Index i = 0; i <= j; ++i) buffer.column(j)[i + 1] = other.factor_(i, j) * unit;
    mean_(j) += difference * (other.total_weight_ / total);
  }
  total_weight_ = total;
  buffer.set_rows(size + 1);
  rotate_into(factor_, buffer, 2);  // the row of the means, and a triangle
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

}  // namespace filbert
