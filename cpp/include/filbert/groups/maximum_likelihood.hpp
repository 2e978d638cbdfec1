// Fits a Gaussian mixed model the classical way: maximum likelihood, or restricted maximum likelihood.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/groups/grouped_summary.hpp"

namespace filbert {

/// Estimates in the user's scale.
struct MixedModelFit {
  Eigen::VectorXd coefficients, standard_errors;  ///< the intercept first where there is one
  double sigma = 0;
  std::vector<Eigen::VectorXd> deviations,
      correlations;         ///< of each term; pairs in the order of `itertools.combinations`
  Eigen::VectorXd effects;  ///< conditional modes: of each term, column after column, one a group
  double log_likelihood = 0;
  bool converged = false;
};

/// The (restricted) likelihood is maximised over the factors Λ / σ, and σ and the coefficients in closed form, so that deviations
/// of zero and correlations of one are points like any other. `correlated` is one a term.
/// Throws std::invalid_argument, ImproperPosterior where columns are collinear, and GroupsTooLarge.
MixedModelFit maximum_likelihood(const GroupedSummary& summary, bool intercept, const std::vector<bool>& correlated,
                                 bool restricted);

}  // namespace filbert
