// The posterior of a GLM in coordinates without edges and of order one, with the derivatives that its mode and its frame need.
#pragma once

#include <Eigen/Core>
#include <memory>
#include <vector>

#include "filbert/density/glm_posterior.hpp"

namespace filbert {

/// A monotone map of the line onto the support of a prior: the identity in some unit, logarithms or a logit.
class SupportMap {
 public:
  struct At {
    double value, slope, curvature;              ///< of the map
    double log_slope, log_slope_1, log_slope_2;  ///< log of the slope, and its derivatives
  };
  SupportMap(const Support& support, double unit) : support_(support), unit_(unit) {}
  At operator()(double t) const;
  double inverse(double value) const;
  bool is_linear() const { return support_.is_real_line(); }

  /// A point well inside the support, near 0 if it can be; `reach` is how far from an edge.
  double inside(double reach) const;

 private:
  Support support_;
  double unit_;
};

/// The log density of q = (t, log auxiliaries): coefficient b_k = map_k(t_k), where the slopes b are the user's and b₀ is η at the means of
/// the predictors; the Jacobian of the maps is included. Where a prior of the intercept at 0 has an edge, b₀ is the intercept at 0.
///
/// Each copy has scratch of its own.
class UnconstrainedGlm {
 public:
  /// With `likelihood_only` neither priors nor Jacobian are added: what maximum likelihood climbs.
  explicit UnconstrainedGlm(std::shared_ptr<const GlmPosterior> posterior, bool likelihood_only = false);

  Eigen::Index dimension() const { return posterior_->dimension(); }
  Eigen::Index coefficients() const { return posterior_->coefficients(); }
  const GlmPosterior& posterior() const { return *posterior_; }
  const GlmData& data() const { return posterior_->data(); }
  const SupportMap& map(Eigen::Index coefficient) const { return maps_[static_cast<std::size_t>(coefficient)]; }
  bool likelihood_only() const { return likelihood_only_; }

  /// Adds logarithms of the distances from the ends of auxiliaries' priors to the smooth surrogate: its mode is inside of them. Returns
  /// whether there are such ends.
  bool hold_auxiliaries();
  bool holds_auxiliaries() const { return holds_auxiliaries_; }
  bool is_linear() const;  ///< every coefficient is a multiple of its coordinate

  /// Allocates nothing (a user's likelihood apart).
  double operator()(const Eigen::VectorXd& q, Eigen::VectorXd& gradient);

  /// Value, gradient and Hessian of the smooth surrogate: rounded Laplace priors, and where `clip_priors`, no prior that curves upwards.
  double curvature(const Eigen::VectorXd& q, Eigen::VectorXd& gradient, Eigen::MatrixXd& hessian,
                   Information information, bool clip_priors);

  /// As operator(), of the smooth surrogate.
  double surrogate(const Eigen::VectorXd& q, Eigen::VectorXd& gradient);

  /// Log densities of up to max_batch points, a column each. Allocates nothing.
  void batch(const Eigen::Ref<const Eigen::MatrixXd>& points, Eigen::Ref<Eigen::VectorXd> values);

  /// The same of any number of points; rows that are elsewhere are visited once for all of them.
  Eigen::VectorXd batch_at_once(const Eigen::MatrixXd& points) const;

  /// Visits rows that are elsewhere once for `surrogate` and `curvature` at several points; nothing where rows are at hand.
  void prepare(const std::vector<Eigen::VectorXd>& points);

  /// Priors and Jacobian alone.
  double prior_value(const Eigen::Ref<const Eigen::VectorXd>& q) const;

  /// What the prior of a coefficient is about at q, and how that changes with q. Only where `is_linear()`.
  double prior_argument(const Eigen::VectorXd& q, Eigen::Index coefficient, Eigen::VectorXd& direction) const;

  /// Adds the third derivatives of the priors' logarithms, contracted: `add(direction, third)` for each prior, where the prior is about
  /// `direction`ᵀ q. Only where `is_linear()` and without auxiliaries.
  template <typename Add>
  void prior_thirds(const Eigen::VectorXd& q, const Add& add) const;

  /// The user's (β, auxiliaries), or with `log_auxiliaries` their logarithms.
  void to_user_scale(const Eigen::Ref<const Eigen::VectorXd>& q, Eigen::Ref<Eigen::VectorXd> user,
                     bool log_auxiliaries) const;

  /// log |d(β, log auxiliaries) / dq|.
  double log_jacobian(const Eigen::VectorXd& q) const;

  /// d(β, log auxiliaries) / dq at q.
  Eigen::MatrixXd jacobian(const Eigen::VectorXd& q) const;

  /// c of GlmData at q, and how it changes with t where the maps are linear.
  void to_columns(const Eigen::Ref<const Eigen::VectorXd>& q, Eigen::Ref<Eigen::VectorXd> c) const;
  Eigen::MatrixXd column_slopes(const Eigen::VectorXd& q) const;

  bool has_intercept() const { return posterior_->priors().intercept; }

 private:
  enum class Priors { AsTheyAre, Smooth };
  Eigen::VectorXd beside(const Eigen::VectorXd& q, std::size_t free, double step) const;
  double evaluate(const Eigen::VectorXd& q, Eigen::VectorXd& gradient, Priors priors);
  double rest_of_gradient(const Eigen::VectorXd& q, double log_likelihood, Eigen::VectorXd& gradient, Priors priors);
  void set_point(const Eigen::VectorXd& q);
  void add_auxiliary_hessian(const Eigen::VectorXd& q, Eigen::MatrixXd& hessian);
  void add_prior_hessian(const Eigen::VectorXd& q, Eigen::MatrixXd& hessian, bool clip);
  SmoothLogDensity smooth_prior(std::size_t k, double x, Priors priors) const;
  double intercept_argument() const;

  std::shared_ptr<const GlmPosterior> posterior_;
  bool likelihood_only_;
  bool holds_auxiliaries_ = false;
  bool centred_;                // b₀ is η at the means
  double intercept_shift_ = 0;  ///< where the intercept's prior applies: b₀ + this · Σ mean_j b_j
  std::vector<SupportMap> maps_;

  // Scratch.
  std::vector<SupportMap::At> at_;
  Eigen::VectorXd c_, c_gradient_, auxiliaries_, auxiliary_gradient_, b_gradient_;
  Eigen::MatrixXd c_hessian_;
  std::vector<double> packed_, packed_auxiliaries_;
};

template <typename Add>
void UnconstrainedGlm::prior_thirds(const Eigen::VectorXd& q, const Add& add) const {
  Eigen::VectorXd direction(dimension());
  for (Eigen::Index k = 0; k < coefficients(); ++k) {
    const double at = prior_argument(q, k, direction);
    const SmoothLogDensity prior = posterior_->priors().coefficients[static_cast<std::size_t>(k)].smooth(at);
    if (prior.third != 0 && prior.second < 0) add(direction, prior.third);
  }
}

}  // namespace filbert
