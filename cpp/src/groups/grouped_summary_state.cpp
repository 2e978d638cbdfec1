// Restores a summary by group from its state, of which nothing is trusted.
#include <cmath>
#include <stdexcept>
#include <string>
#include <utility>

#include "filbert/groups/grouped_summary.hpp"

namespace filbert {
namespace {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

void require(bool holds, const std::string& what) {
  if (!holds) throw std::invalid_argument("not the state of a summary by group: " + what);
}

}  // namespace

GroupedSummary GroupedSummary::from_state(GroupStructure structure, State state) {
  const SufficientStatistics statistics = SufficientStatistics::from_state(state.statistics);
  const Index p = statistics.columns(), width = p + 2;
  GroupedSummary summary(p, std::move(structure));
  const Index effects = summary.effects_, tail_size = summary.structure_.tail_size();
  require(state.origin.size() == p + 1 && state.unit.size() == p + 1 && state.rest.rows() == width &&
              state.rest.cols() == width && state.groups.size() == summary.groups_.size(),
          "the sizes of its parts differ");
  require(state.placed == (statistics.total_weight() > 0), "its origin does not go with its weight");
  require(state.origin.allFinite() && state.rest.allFinite(), "it has values that are not finite");
  require(state.rest.triangularView<Eigen::StrictlyLower>().toDenseMatrix().isZero(0.0),
          "its remainder is not upper triangular");
  for (const double unit : state.unit)
    require(unit > 0 && std::isfinite(1 / unit) && std::isfinite(unit), "a unit is not positive");
  Index numbers = 0;
  for (const Group& group : state.groups) {
    const Index kept_columns = effects + static_cast<Index>(group.tail.size());
    require(group.rows.cols() == kept_columns + width && group.rows.rows() <= kept_columns,
            "the sizes of a group's rows do not go with its effects");
    require(group.rows.allFinite(), "it has values that are not finite");
    for (std::size_t k = 0; k < group.tail.size(); ++k) {
      const Index before = k == 0 ? -1 : group.tail[k - 1];
      require(group.tail[k] > before && group.tail[k] < tail_size, "a group's other effects are not in order");
    }
    for (Index i = 1; i < group.rows.rows(); ++i) {
      require(group.rows.row(i).head(i).isZero(0.0), "a group's rows are not upper triangular");
    }
    numbers += group.rows.size();
  }
  require(numbers <= most_numbers, "it is too large");
  summary.statistics_ = statistics;
  summary.placed_ = state.placed;
  summary.origin_ = std::move(state.origin);
  summary.unit_ = std::move(state.unit);
  summary.groups_ = std::move(state.groups);
  summary.kept_numbers_ = numbers;
  summary.rest_ = std::move(state.rest);
  summary.require_statistics();
  return summary;
}

/// Refuses groups whose rows, taken together, have another weight, mean or spread than the statistics.
void GroupedSummary::require_statistics() const {
  constexpr double tolerance = 1e-6;
  const Index p = columns(), width = p + 2;
  MatrixXd square = rest_.transpose() * rest_;  // of W
  for (const Group& group : groups_) square += group.rows.rightCols(width).transpose() * group.rows.rightCols(width);
  const double weight = statistics_.total_weight();
  bool equal = std::abs(square(0, 0) - weight) <= tolerance * weight;
  if (weight == 0) equal = square.isZero(0.0);
  const VectorXd sd = statistics_.sd();
  for (Index j = 0; j <= p && equal && weight > 0; ++j) {
    const double mean = (statistics_.mean()(j) - origin_(j)) / unit_(j);
    const double spread = sd(j) / unit_(j);
    const double size = mean * mean + spread * spread;
    equal = std::abs(square(0, 1 + j) / weight - mean) <= tolerance * (std::abs(mean) + std::sqrt(size)) + 1e-12 &&
            std::abs(square(1 + j, 1 + j) / weight - size) <= tolerance * size + 1e-12;
  }
  require(equal, "its groups do not go with its weight, means and deviations");
}

}  // namespace filbert
