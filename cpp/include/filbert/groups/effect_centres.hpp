// Where along their predictors correlated effects are taken: not always at zero.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/groups/grouped_design.hpp"
#include "filbert/groups/grouped_units.hpp"

namespace filbert {

/// The means of each term's columns, 0 of that of intercepts, where one of them is farther from zero than so many of its deviations;
/// empty where there is none.
///
/// Seen from a far zero, intercepts of groups do little but make up for slopes: deviations and correlations of effects at zero lie on a
/// narrow, bent ridge. Those of effects at the centre, `b₀ + Σ centre_j b_j` in place of b₀, do not; but theirs do where groups differ
/// least at zero. Which effects can be told from which is the same, so that only the prior has to be carried over, see
/// CovarianceParameters. That is done where effects are correlated, the first column is 1 and its deviation has a prior on all positive
/// numbers. Throws std::invalid_argument, as `validate` does.
std::vector<Eigen::VectorXd> effect_centres(const GroupedDesign& design, const std::vector<TermModel>& terms,
                                            double distance);

}  // namespace filbert
