// How Python states group terms: their structure, and the priors of their deviations and correlations.
#pragma once

#include <Eigen/Core>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "filbert/groups/grouped_units.hpp"
#include "prior_spec.hpp"

/// A prior's name and parameters, or the number that a parameter is fixed at.
using ScaleSpec = std::variant<double, PriorSpec>;
/// (correlated, priors of the deviations, eta of the correlations).
using TermSpec = std::tuple<bool, std::vector<ScaleSpec>, double>;

inline filbert::GroupStructure make_structure(const std::vector<Eigen::Index>& n_groups,
                                              const std::vector<std::pair<Eigen::Index, Eigen::Index>>& terms) {
  filbert::GroupStructure structure{n_groups, {}};
  for (const auto& [factor, columns] : terms) structure.terms.push_back({factor, columns});
  return structure;
}

inline filbert::ScalePrior make_scale(const ScaleSpec& spec) {
  filbert::ScalePrior scale;
  if (const double* const fixed = std::get_if<double>(&spec)) {
    scale.fixed = *fixed;
  } else {
    scale.prior = make_prior(std::get<PriorSpec>(spec));
  }
  return scale;
}

/// Means and deviations of the levels that have coefficients, and the group that has none, or -1.
using LevelsSpec = std::tuple<Eigen::VectorXd, Eigen::VectorXd, Eigen::Index>;

inline std::vector<filbert::TermModel> make_terms(const std::vector<TermSpec>& specs) {
  std::vector<filbert::TermModel> terms;
  for (const auto& [correlated, deviations, lkj_eta] : specs) {
    filbert::TermModel term{correlated, {}, lkj_eta};
    for (const ScaleSpec& deviation : deviations) term.deviations.push_back(make_scale(deviation));
    terms.push_back(std::move(term));
  }
  return terms;
}
