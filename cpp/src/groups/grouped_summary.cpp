// Sorts a block's rows by group, rotates each group's rows against its triangle, and sends on what no effect reaches.
#include "filbert/groups/grouped_summary.hpp"

#include <Eigen/QR>
#include <algorithm>
#include <cmath>
#include <iterator>
#include <span>
#include <string>
#include <utility>

#include "filbert/numeric/require.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// The first rows of R in `rows = QR`, in place: below the diagonal zeros, and no more rows than columns.
void rotate(MatrixXd& rows) {
  const Eigen::HouseholderQR<Eigen::Ref<MatrixXd>> qr(rows);
  const Index kept = std::min(rows.rows(), rows.cols());
  for (Index j = 0; j < kept; ++j) rows.col(j).tail(rows.rows() - j - 1).setZero();
  if (kept < rows.rows()) rows.conservativeResize(kept, Eigen::NoChange);
}

double power_of_two_above(double magnitude) {
  return magnitude > 0 ? std::ldexp(1.0, std::max(std::ilogb(magnitude) + 1, -1000)) : 1.0;
}

}  // namespace

/// Rows checked, with the response less its offset.
struct GroupedSummary::Block {
  const GroupedRows& rows;
  VectorXd y;
  std::vector<Index> counted;  // rows of positive weight

  Block(const GroupedRows& given, const GroupStructure& structure, Index columns);

  double root_weight(Index row) const { return rows.weights ? std::sqrt((*rows.weights)(row)) : 1.0; }

  double z(std::size_t term, Index row, Index column) const {
    return rows.Z[term] ? (*rows.Z[term])(row, column) : 1.0;
  }

  Index code(Index factor, Index row) const {
    return static_cast<Index>(rows.codes[static_cast<std::size_t>(factor)](row));
  }
};

GroupedSummary::Block::Block(const GroupedRows& given, const GroupStructure& structure, Index columns) : rows(given) {
  const Index n = rows.y.size();
  require(rows.X.cols() == columns,
          "X must have " + std::to_string(columns) + " columns, not " + std::to_string(rows.X.cols()));
  require(
      rows.X.rows() == n && (!rows.weights || rows.weights->size() == n) && (!rows.offset || rows.offset->size() == n),
      "X, y, weights and offset must have the same number of rows");
  require(structure.check_rows(rows.Z, rows.codes) == n, "codes and y must have the same number of rows");
  y = rows.y;
  if (rows.offset) y -= *rows.offset;
  for (Index i = 0; i < n; ++i) {
    if (!rows.weights || (*rows.weights)(i) > 0) counted.push_back(i);
  }
}

GroupedSummary::GroupedSummary(Index columns, GroupStructure structure)
    : structure_((structure.validate(), std::move(structure))),
      primary_(structure_.primary()),
      effects_(structure_.effects(primary_)),
      statistics_(columns),
      origin_(VectorXd::Zero(columns + 1)),
      unit_(VectorXd::Ones(columns + 1)),
      groups_(static_cast<std::size_t>(structure_.groups(primary_))),
      rest_(MatrixXd::Zero(columns + 2, columns + 2)) {
  for (Group& group : groups_) group.rows.resize(0, effects_ + columns + 2);
}

/// Puts the origin among the rows, so that no column is many times its spread away from it.
void GroupedSummary::place(const Block& block) {
  if (placed_ || block.counted.empty()) return;
  const Index p = columns();
  const double n = static_cast<double>(block.counted.size());
  for (Index j = 0; j <= p; ++j) {
    const auto value = [&](Index i) { return j < p ? block.rows.X(i, j) : block.y(i); };
    double mean = 0;
    for (const Index i : block.counted) mean += value(i) / n;
    double spread = 0;
    for (const Index i : block.counted) spread = std::max(spread, std::abs(value(i) - mean));
    origin_(j) = mean;
    unit_(j) = power_of_two_above(spread);
  }
  placed_ = true;
}

void GroupedSummary::update(const GroupedRows& given) {
  const Block block(given, structure_, columns());
  SufficientStatistics statistics = statistics_;
  statistics.update(given.X, block.y,
                    given.weights);  // throws for values that are not finite, before anything has changed
  place(block);

  std::vector<Index> order = block.counted;
  std::stable_sort(order.begin(), order.end(),
                   [&](Index a, Index b) { return block.code(primary_, a) < block.code(primary_, b); });
  // A chunk at a time, so that a group of any size stays in the cache.
  const std::ptrdiff_t most = std::max<Index>(32768 / (effects_ + columns() + 2), 64);
  MatrixXd rows;
  for (auto begin = order.cbegin(); begin != order.cend();) {
    const Index group = block.code(primary_, *begin);
    const auto end = std::find_if(begin, begin + std::min(most, order.cend() - begin),
                                  [&](Index i) { return block.code(primary_, i) != group; });
    const std::span<const Index> chunk(begin, end);
    const std::vector<Index> tail = touched_tail(block, chunk);
    gather(block, chunk, tail, rows);
    fold_group(group, tail, rows);
    begin = end;
  }
  fold_rest();
  statistics_ = std::move(statistics);
}

/// The columns of the tail that some rows touch, ascending.
std::vector<Index> GroupedSummary::touched_tail(const Block& block, std::span<const Index> chunk) const {
  std::vector<Index> tail;
  for (Index factor = 0; factor < structure_.factors(); ++factor) {
    if (factor == primary_) continue;
    const Index effects = structure_.effects(factor);
    for (const Index i : chunk) {
      const Index first = structure_.tail_offset(factor) + block.code(factor, i) * effects;
      for (Index c = 0; c < effects; ++c) tail.push_back(first + c);
    }
  }
  std::sort(tail.begin(), tail.end());
  tail.erase(std::unique(tail.begin(), tail.end()), tail.end());
  return tail;
}

/// `[Z T W]` of some rows of one group, times the roots of their weights.
void GroupedSummary::gather(const Block& block, std::span<const Index> chunk, const std::vector<Index>& tail,
                            MatrixXd& rows) const {
  const Index p = columns();
  const Index first_w = effects_ + static_cast<Index>(tail.size());
  rows.setZero(static_cast<Index>(chunk.size()), first_w + p + 2);
  Index at = 0;
  for (const Index i : chunk) {
    const double root = block.root_weight(i);
    for (std::size_t t = 0; t < structure_.terms.size(); ++t) {
      const GroupTerm& term = structure_.terms[t];
      Index first = structure_.first_column(static_cast<Index>(t));
      if (term.factor != primary_) {
        first += structure_.tail_offset(term.factor) + block.code(term.factor, i) * structure_.effects(term.factor);
        first = effects_ + (std::lower_bound(tail.begin(), tail.end(), first) - tail.begin());
      }
      for (Index c = 0; c < term.columns; ++c) rows(at, first + c) = root * block.z(t, i, c);
    }
    rows(at, first_w) = root;
    for (Index j = 0; j < p; ++j) {
      rows(at, first_w + 1 + j) = root * ((block.rows.X(i, j) - origin_(j)) / unit_(j));
    }
    rows(at, first_w + p + 1) = root * ((block.y(i) - origin_(p)) / unit_(p));
    ++at;
  }
}

void GroupedSummary::fold_group(Index index, const std::vector<Index>& tail, const MatrixXd& rows) {
  Group& group = groups_[static_cast<std::size_t>(index)];
  const Index width = columns() + 2;
  std::vector<Index> merged;
  std::set_union(group.tail.begin(), group.tail.end(), tail.begin(), tail.end(), std::back_inserter(merged));
  const Index kept_columns = effects_ + static_cast<Index>(merged.size());

  const Index before = group.rows.rows();
  MatrixXd stacked = MatrixXd::Zero(before + rows.rows(), kept_columns + width);
  const auto put = [&](Index first, const MatrixXd& from, const std::vector<Index>& from_tail) {
    const Index n = from.rows();
    stacked.block(first, 0, n, effects_) = from.leftCols(effects_);
    stacked.block(first, kept_columns, n, width) = from.rightCols(width);
    for (std::size_t k = 0; k < from_tail.size(); ++k) {
      const Index at = std::lower_bound(merged.begin(), merged.end(), from_tail[k]) - merged.begin();
      stacked.block(first, effects_ + at, n, 1) = from.col(effects_ + static_cast<Index>(k));
    }
  };
  put(0, group.rows, group.tail);
  put(before, rows, tail);
  rotate(stacked);

  const Index kept = std::min(kept_columns, stacked.rows());
  leave(stacked.bottomRightCorner(stacked.rows() - kept, width));
  kept_numbers_ += kept * stacked.cols() - group.rows.size();
  if (kept_numbers_ > most_numbers) {
    throw GroupsTooLarge(
        "the grouping factors are crossed so densely that their summary would not fit in 1 GB. Leave out the factor "
        "with "
        "the fewest groups, or put it among the predictors");
  }
  group.rows = stacked.topRows(kept);
  group.tail = std::move(merged);
}

void GroupedSummary::leave(const Eigen::Ref<const MatrixXd>& rows) {
  const Index width = columns() + 2;
  if (leaving_.rows() == 0) leaving_.resize(std::max<Index>(16 * width, 512), width);
  for (Index done = 0; done < rows.rows();) {
    if (n_leaving_ == leaving_.rows()) fold_rest();
    const Index n = std::min(rows.rows() - done, leaving_.rows() - n_leaving_);
    leaving_.middleRows(n_leaving_, n) = rows.middleRows(done, n);
    n_leaving_ += n;
    done += n;
  }
}

void GroupedSummary::fold_rest() {
  if (n_leaving_ == 0) return;
  const Index width = columns() + 2;
  MatrixXd stacked(width + n_leaving_, width);
  stacked << rest_, leaving_.topRows(n_leaving_);
  rotate(stacked);
  rest_ = stacked;
  n_leaving_ = 0;
}

VectorXd GroupedSummary::squared_residuals(const Eigen::Ref<const MatrixXd>& coefficients,
                                           const Eigen::Ref<const MatrixXd>& effects) const {
  const Index p = columns(), draws = coefficients.cols();
  require(coefficients.rows() == p + 1, "coefficients must have " + std::to_string(p + 1) + " rows");
  require(effects.rows() == structure_.all_effects() && effects.cols() == draws,
          "effects must have a row each, and as many columns as coefficients");
  // W times these is Xβ - y.
  MatrixXd of_rest(p + 2, draws);
  of_rest.row(0) = coefficients.row(0).array() - origin_(p);
  of_rest.row(0) += origin_.head(p).transpose() * coefficients.bottomRows(p);
  of_rest.middleRows(1, p) = unit_.head(p).asDiagonal() * coefficients.bottomRows(p);
  of_rest.row(p + 1).setConstant(-unit_(p));
  // Where each effect is among a block's own columns, or in the tail.
  std::vector<Index> in_tail(static_cast<std::size_t>(structure_.tail_size()));
  std::vector<Index> own;  // of the first group
  Index first = 0;
  for (std::size_t t = 0; t < structure_.terms.size(); ++t) {
    const GroupTerm& term = structure_.terms[t];
    const Index groups = structure_.groups(term.factor), q = structure_.effects(term.factor);
    const Index at = structure_.first_column(static_cast<Index>(t));
    for (Index c = 0; c < term.columns; ++c, first += groups) {
      if (term.factor == primary_) {
        own.push_back(first);
        continue;
      }
      for (Index g = 0; g < groups; ++g) {
        in_tail[static_cast<std::size_t>(structure_.tail_offset(term.factor) + g * q + at + c)] = first + g;
      }
    }
  }
  VectorXd result = (rest_ * of_rest).colwise().squaredNorm().transpose();
  MatrixXd of_group;
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    const Group& group = groups_[g];
    of_group.resize(group.rows.cols(), draws);
    Index row = 0;
    for (const Index place : own) of_group.row(row++) = effects.row(place + static_cast<Index>(g));
    for (const Index column : group.tail) of_group.row(row++) = effects.row(in_tail[static_cast<std::size_t>(column)]);
    of_group.bottomRows(p + 2) = of_rest;
    result += (group.rows * of_group).colwise().squaredNorm().transpose();
  }
  return result;
}

MatrixXd GroupedSummary::to_given_columns() const {
  const Index width = columns() + 2;
  MatrixXd change = MatrixXd::Identity(width, width);
  change.diagonal().tail(width - 1) = unit_;
  change.row(0).tail(width - 1) = origin_.transpose();
  return change;
}

/// From W about the other's origin, in its units, to W about this one's: a right factor.
MatrixXd GroupedSummary::change_of_origin(const GroupedSummary& other) const {
  const Index width = columns() + 2;
  MatrixXd change = MatrixXd::Identity(width, width);
  for (Index j = 0; j + 1 < width; ++j) {
    change(1 + j, 1 + j) = other.unit_(j) / unit_(j);
    change(0, 1 + j) = (other.origin_(j) - origin_(j)) / unit_(j);
  }
  return change;
}

void GroupedSummary::merge(const GroupedSummary& other) {
  require(other.columns() == columns() && other.structure_ == structure_,
          "summaries to merge must have the same columns, grouping factors and group terms");
  if (!other.placed_) {
    statistics_.merge(other.statistics_);
    return;
  }
  GroupedSummary fresh = *this;
  if (!placed_) {
    fresh.origin_ = other.origin_;
    fresh.unit_ = other.unit_;
    fresh.placed_ = true;
  }
  fresh.statistics_.merge(other.statistics_);
  const MatrixXd change = fresh.change_of_origin(other);
  const Index width = columns() + 2;
  for (Index g = 0; g < structure_.groups(primary_); ++g) {
    const Group& theirs = other.groups_[static_cast<std::size_t>(g)];
    if (theirs.rows.rows() == 0) continue;
    MatrixXd rows = theirs.rows;
    rows.rightCols(width) = theirs.rows.rightCols(width) * change;
    fresh.fold_group(g, theirs.tail, rows);
  }
  fresh.leave(other.rest_ * change);
  fresh.fold_rest();
  *this = std::move(fresh);
}

}  // namespace filbert
