// How Python states group terms: their structure, and the priors of their deviations and correlations.
#pragma once

#include <pybind11/pybind11.h>

#include <Eigen/Core>
#include <cstdint>
#include <memory>
#include <optional>
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

/// A column of ones where a term has none, and one a row of each factor.
using ColumnsSpec = std::vector<std::optional<filbert::RowsRef>>;
using CodesSpec = std::vector<Eigen::Ref<const Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1>>>;

/// What has the group terms of some rows, as GroupStructure::check_rows takes them.
template <typename Grouped>
std::shared_ptr<Grouped> make_grouped(const std::vector<Eigen::Index>& n_groups,
                                      const std::vector<std::pair<Eigen::Index, Eigen::Index>>& terms,
                                      const ColumnsSpec& Z, const CodesSpec& codes) {
  const std::vector<filbert::CodesRef> of_factors(codes.begin(), codes.end());
  const pybind11::gil_scoped_release release;  // the arguments keep their arrays alive
  return std::make_shared<Grouped>(make_structure(n_groups, terms), Z, of_factors);
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
