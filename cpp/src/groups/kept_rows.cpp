// Takes the triangles of a summary apart and puts their parts into the posterior's columns.
#include "filbert/groups/kept_rows.hpp"

#include <algorithm>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

KeptRows::KeptRows(const GroupedSummary& summary, const PosteriorColumns& columns)
    : structure(summary.structure()),
      effects(structure.effects(structure.primary())),
      width(columns.of_w.cols()),
      n_groups(structure.groups(structure.primary())),
      total_weight(summary.statistics().total_weight()) {
  const MatrixXd rest = summary.rest() * columns.of_w;
  rest_square = rest.transpose() * rest;
  blocks = MatrixXd::Zero(effects * (effects + width), n_groups);

  VectorXd tail_unit(structure.tail_size());
  for (Index factor = 0; factor < structure.factors(); ++factor) {
    if (factor == structure.primary()) continue;
    const VectorXd& unit = columns.effect_unit[static_cast<std::size_t>(factor)];
    const Index first = structure.tail_offset(factor);
    for (Index g = 0; g < structure.groups(factor); ++g) tail_unit.segment(first + g * unit.size(), unit.size()) = unit;
  }
  const VectorXd& unit = columns.effect_unit[static_cast<std::size_t>(structure.primary())];

  for (Index g = 0; g < n_groups; ++g) {
    const GroupedSummary::Group& group = summary.groups()[static_cast<std::size_t>(g)];
    const Index touched = static_cast<Index>(group.tail.size());
    MatrixXd rows(group.rows.rows(), effects + touched + width);
    rows.leftCols(effects) = group.rows.leftCols(effects) * unit.cwiseInverse().asDiagonal();
    for (Index k = 0; k < touched; ++k) {
      rows.col(effects + k) = group.rows.col(effects + k) / tail_unit(group.tail[static_cast<std::size_t>(k)]);
    }
    rows.rightCols(width) = group.rows.rightCols(columns.of_w.rows()) * columns.of_w;
    if (columns.levels) {
      rows.rightCols(1) -= group.rows.leftCols(1) * columns.levels->mean(g);
      rows.leftCols(1) = group.rows.leftCols(1) * columns.levels->deviation(g);
    }
    const Index upper = std::min(effects, rows.rows());
    for (Index i = 0; i < upper; ++i) {
      if (rows(i, i) < 0) rows.row(i) = -rows.row(i);  // so that equal designs look equal
    }
    Eigen::Map<MatrixXd> block(blocks.col(g).data(), effects, effects + width);
    block.topLeftCorner(upper, effects) = rows.topLeftCorner(upper, effects);
    block.topRightCorner(upper, width) = rows.topRightCorner(upper, width);
    if (structure.tail_size() == 0) continue;
    MatrixXd upper_tail = MatrixXd::Zero(effects, touched);
    upper_tail.topRows(upper) = rows.block(0, effects, upper, touched);
    tailed.push_back({group.tail, std::move(upper_tail), rows.bottomRightCorner(rows.rows() - upper, touched + width)});
  }
}

}  // namespace filbert
