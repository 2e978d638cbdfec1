// Checks and sorts rows, and multiplies with the sparse design of effects.
#include "filbert/groups/grouped_design.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

std::size_t at(Index index) { return static_cast<std::size_t>(index); }

}  // namespace

GroupedDesign::GroupedDesign(GroupStructure structure, const std::vector<std::optional<RowsRef>>& Z,
                             const std::vector<CodesRef>& codes)
    : structure_(std::move(structure)) {
  structure_.validate();
  primary_ = structure_.primary();
  const Index n = structure_.check_rows(Z, codes);
  order_.resize(at(n));
  std::iota(order_.begin(), order_.end(), Index{0});
  const CodesRef& primary = codes[at(primary_)];
  std::stable_sort(order_.begin(), order_.end(), [&](Index a, Index b) { return primary(a) < primary(b); });
  for (Index f = 0; f < structure_.factors(); ++f) {
    Z_.push_back(MatrixXd::Ones(n, structure_.effects(f)));
    std::vector<Index> sorted;
    for (const Index row : order_) sorted.push_back(codes[at(f)](row));
    codes_.push_back(std::move(sorted));
  }
  first_rows_.assign(at(structure_.groups(primary_) + 1), 0);
  for (const Index code : codes_[at(primary_)]) ++first_rows_[at(code + 1)];
  std::partial_sum(first_rows_.begin(), first_rows_.end(), first_rows_.begin());
  for (std::size_t t = 0; t < Z.size(); ++t) {
    if (!Z[t]) continue;
    const Index term = static_cast<Index>(t), columns = structure_.terms[t].columns;
    MatrixXd& into = Z_[at(structure_.terms[t].factor)];
    for (Index j = 0; j < columns; ++j) {
      for (Index i = 0; i < n; ++i) {
        into(i, structure_.first_column(term) + j) = (*Z[t])(order_[at(i)], j);
      }
    }
  }
}

GroupedDesign GroupedDesign::centred(const std::vector<VectorXd>& centres) const {
  GroupedDesign result = *this;
  for (std::size_t t = 0; t < centres.size(); ++t) {
    if (centres[t].size() == 0) continue;
    const Index first = structure_.first_column(static_cast<Index>(t));
    MatrixXd& columns = result.Z_[at(structure_.terms[t].factor)];
    columns.middleCols(first, centres[t].size()).rowwise() -= centres[t].transpose();
  }
  return result;
}

void GroupedDesign::add_effects(const std::vector<MatrixXd>& b, VectorXd& eta) const {
  for (Index f = 0; f < structure_.factors(); ++f) {
    const MatrixXd& columns = Z_[at(f)];
    const MatrixXd& effects = b[at(f)];
    for (Index j = 0; j < columns.cols(); ++j) {
      if (f == primary_) {
        for (Index g = 0; g < effects.rows(); ++g) {
          const Index first = first_row(g), count = first_row(g + 1) - first;
          eta.segment(first, count) += effects(g, j) * columns.col(j).segment(first, count);
        }
        continue;
      }
      const std::vector<Index>& codes = codes_[at(f)];
      for (Index i = 0; i < rows(); ++i) eta(i) += effects(codes[at(i)], j) * columns(i, j);
    }
  }
}

void GroupedDesign::transposed_product(const VectorXd& slopes, std::vector<MatrixXd>& into) const {
  for (Index f = 0; f < structure_.factors(); ++f) {
    const MatrixXd& columns = Z_[at(f)];
    MatrixXd& sums = into[at(f)];
    for (Index j = 0; j < columns.cols(); ++j) {
      if (f == primary_) {
        for (Index g = 0; g < sums.rows(); ++g) {
          const Index first = first_row(g), count = first_row(g + 1) - first;
          sums(g, j) = columns.col(j).segment(first, count).dot(slopes.segment(first, count));
        }
        continue;
      }
      sums.col(j).setZero();
      const std::vector<Index>& codes = codes_[at(f)];
      for (Index i = 0; i < rows(); ++i) sums(codes[at(i)], j) += slopes(i) * columns(i, j);
    }
  }
}

}  // namespace filbert
