// Puts the rows of a mixed model into coordinates in which coefficients are uncorrelated and everything is of order one.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <vector>

#include "filbert/density/linear_gaussian.hpp"
#include "filbert/frame/posterior_errors.hpp"
#include "filbert/groups/grouped_summary.hpp"
#include "filbert/groups/kept_rows.hpp"
#include "filbert/priors/prior.hpp"

namespace filbert {

/// A prior of a positive parameter, or the value that it is fixed at.
struct ScalePrior {
  Prior prior = Prior::half_flat();
  std::optional<double> fixed = std::nullopt;
};

/// How the effects of one term are modelled: their deviations, one a column, and LKJ(eta) on their correlations.
struct TermModel {
  bool correlated = false;
  std::vector<ScalePrior> deviations;
  double lkj_eta = 1;
};

/// Throws std::invalid_argument where terms are not modelled as the structure has them.
void validate(const std::vector<TermModel>& terms, const GroupStructure& structure);

/// The coefficients of a factor's levels as effects of the one grouping factor there is, whose one term has the known deviation 1: their
/// priors are Normal(mean, deviation), each its own. Where there is an intercept at the means, their columns have means too.
struct LevelPriors {
  Eigen::VectorXd mean, deviation;  ///< one a level that has a coefficient
  Eigen::Index reference = -1;      ///< the group without a coefficient, -1 if each has one

  /// Throws std::invalid_argument.
  void validate(const GroupedSummary& summary) const;
};

/// What a Gaussian mixed model states besides its rows.
struct GroupedModel {
  bool intercept = true;
  InterceptPrior about = InterceptPrior::AtMeans;
  std::vector<Prior> coefficient_priors;  ///< the intercept's first where there is one
  ScalePrior sigma;
  std::vector<TermModel> terms;
  std::optional<LevelPriors> levels = std::nullopt;

  /// Throws std::invalid_argument.
  void validate(const GroupedSummary& summary) const;
};

/// Coefficients are `α = reference + basis γ` in scaled units, and an order in which those that are *sampled*, whose priors are
/// not Gaussian, come last; `basis` is upper triangular, so the last γ are those of the sampled ones alone. The user's are
/// `scale α`, the intercept then moved to where every predictor is 0.
///
/// The basis whitens least squares with the priors, so that K(θ) is well-conditioned however collinear the columns are; and the
/// reference is its solution, so that nothing large is subtracted from the response later.
struct GroupedUnits {
  /// Throws ImproperPosterior where neither rows nor priors determine some combination of the coefficients.
  GroupedUnits(const GroupedSummary& summary, const GroupedModel& model);

  Eigen::Index coefficients() const { return scale.size(); }
  Eigen::Index marginal() const { return coefficients() - sampled; }

  PosteriorColumns columns;                      ///< of the rows, for an elimination
  std::vector<Eigen::MatrixXd> effect_products;  ///< sums over rows of the products of a factor's effects, one a factor
  std::vector<Eigen::Index> order;               ///< coefficients, those integrated out first
  Eigen::Index sampled = 0;                      ///< how many are not
  Eigen::VectorXd scale;         ///< of each coefficient (in the model's order), and so its prior's unit
  Eigen::VectorXd mean;          ///< by which the intercept is moved, of each column in scaled units; empty without
  Eigen::VectorXd reference;     ///< α at γ = 0, in `order`
  Eigen::MatrixXd basis;         ///< upper triangular
  Eigen::MatrixXd prior_square;  ///< of Gaussian priors, in v = (γ, -1): their -2 log density is v' prior_square v
  double log_constant = 0;       ///< of these priors, and of the change of units and variables
  double response_scale = 1;
  double sigma0 = 1;  ///< residual deviation of least squares, scaled

  /// The user's coefficients from γ, in the model's order; and back.
  void to_user(const Eigen::Ref<const Eigen::VectorXd>& gamma, Eigen::Ref<Eigen::VectorXd> coefficients) const;
  void from_user(const Eigen::Ref<const Eigen::VectorXd>& coefficients, Eigen::Ref<Eigen::VectorXd> gamma) const;

 private:
  Eigen::MatrixXd place_columns(const GroupedSummary& summary, const GroupedModel& model);
  Eigen::MatrixXd combinations(const GroupedModel& model) const;
  Eigen::VectorXd set_basis(const Eigen::MatrixXd& data, double total_weight, const GroupedModel& model);
  void set_prior_square(const GroupedModel& model);
  void set_effect_units(const GroupedSummary& summary);
  void set_levels(const GroupedSummary& summary, const GroupedModel& model);
  Eigen::VectorXd prior_row(const Prior& scaled, const Eigen::MatrixXd& combination, Eigen::Index k) const;

  bool prior_at_zero_ = false;  // of an intercept that is that at the means
};

}  // namespace filbert
