// The posterior of a linear regression with Gaussian errors, over the coefficients and log σ, from its summary.
#pragma once

#include <Eigen/Core>
#include <vector>

#include "filbert/frame/scaled_regression.hpp"
#include "filbert/priors/prior.hpp"
#include "filbert/priors/prior_terms.hpp"
#include "filbert/summary/sufficient_statistics.hpp"

namespace filbert {

/// What the intercept's prior is about.
enum class InterceptPrior {
  AtMeans,  ///< the mean response where every predictor is at its mean
  AtZero    ///< the intercept itself
};

/// `-N log σ - ‖y - Xβ‖²/(2σ²) + Σ log π_j(β_j) + log π_σ(σ) + log σ` and all constants, at a cost of O(p²).
///
/// Models `LogDensity`; the position is (β, log σ), the intercept first where there is one. Sampling goes through
/// `FramedLinearGaussian`, which is the same posterior in coordinates that suit NUTS.
class LinearGaussian {
 public:
  /// `coefficient_priors` has one prior a coefficient, the intercept's first where `intercept` is true.
  /// Throws std::invalid_argument where their number is wrong or σ may be negative.
  LinearGaussian(const SufficientStatistics& summary, bool intercept, InterceptPrior about,
                 const std::vector<Prior>& coefficient_priors, const Prior& sigma_prior);

  Eigen::Index coefficients() const { return coefficient_scale_.size(); }
  Eigen::Index dimension() const { return coefficients() + 1; }

  /// Throws std::invalid_argument for a position of the wrong size.
  double operator()(const Eigen::VectorXd& position, Eigen::VectorXd& gradient) const;

  const ScaledRegression& scaled() const { return scaled_; }

  /// The user's coefficients of γ, a column a draw, in place. Throws std::invalid_argument for a wrong number of rows.
  void to_user_scale(Eigen::Ref<Eigen::MatrixXd> coefficients) const;

  /// The response's unit: σ in the user's scale over σ in the scaled regression.
  double response_scale() const { return response_scale_; }

  /// Log of the volume, in the user's coefficients, of a unit cube of γ.
  double log_unit_volume() const { return coefficient_scale_.array().log().sum(); }

 private:
  ScaledRegression scaled_;
  PriorTerms coefficient_priors_;  // those of `scaled_`
  bool intercept_;
  Eigen::VectorXd coefficient_scale_;  // user's coefficient = scale * γ, before the intercept is moved to 0
  Eigen::VectorXd mean_;  // by which it is moved: of the columns in the units of γ, or 0; empty without an intercept
  double response_scale_;
  double log_unit_;  // log density in the user's units less that in the scaled ones
};

}  // namespace filbert
