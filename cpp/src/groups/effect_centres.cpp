// Looks for predictors that are far from zero.
#include "filbert/groups/effect_centres.hpp"

#include <cmath>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

bool may_move(const TermModel& term) {
  const ScalePrior& intercepts = term.deviations.front();
  if (!term.correlated || term.deviations.size() < 2 || intercepts.fixed) return false;
  const Support& support = intercepts.prior.support();
  return support.lower == 0 && std::isinf(support.upper);
}

}  // namespace

std::vector<VectorXd> effect_centres(const GroupedDesign& design, const std::vector<TermModel>& terms,
                                     double distance) {
  const GroupStructure& structure = design.structure();
  validate(terms, structure);
  std::vector<VectorXd> centres(terms.size());
  for (std::size_t t = 0; t < terms.size(); ++t) {
    if (!may_move(terms[t])) continue;
    const MatrixXd& Z = design.Z(structure.terms[t].factor);
    const Index first = structure.first_column(static_cast<Index>(t)), n = structure.terms[t].columns;
    if ((Z.col(first).array() != 1).any()) continue;
    VectorXd centre = VectorXd::Zero(n);
    bool is_far = false;
    for (Index j = 1; j < n; ++j) {
      centre(j) = Z.col(first + j).mean();
      const double deviation =
          (Z.col(first + j).array() - centre(j)).matrix().norm() / std::sqrt(static_cast<double>(Z.rows()));
      is_far |= std::abs(centre(j)) > distance * deviation && deviation > 0;
    }
    if (is_far && centre.allFinite()) centres[t] = centre;
  }
  return centres;
}

}  // namespace filbert
