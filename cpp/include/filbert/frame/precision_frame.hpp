// Directions along which a Gaussian likelihood and Gaussian priors are diagonal together, whatever the weight of the likelihood.
#pragma once

#include <Eigen/Core>

namespace filbert {

/// Rows whose sum of squares, ‖free γ + held η - target‖² + residual, is -2 times a Gaussian log density: those of the likelihood,
/// then one for each prior of a free coefficient.
struct GaussianRows {
  Eigen::Index likelihood_rows = 0;
  Eigen::MatrixXd free;  ///< (likelihood rows + free, free)
  Eigen::MatrixXd
      held;  ///< (the same, held): coefficients with coordinates of their own, given which the free ones are Gaussian
  Eigen::VectorXd target;  ///< with the held ones at their reference values
  double residual = 0;     ///< of the likelihood
};

/// A change of variables γ = γ₀ + V z. At `x`, where the likelihood has the weight `t = e^-2x`, z_j is Gaussian with precision
/// `d_j = t s_j² + w_j`, s_j² + w_j = 1, and mean `m_j = (t s_j g_j + √w_j e_j) / d_j`, where g and e are the pulls of likelihood
/// and priors at γ₀. Held coefficients move the pulls alone, linearly.
class PrecisionFrame {
 public:
  /// Without coefficients.
  PrecisionFrame() = default;

  /// Throws ImproperPosterior where neither likelihood nor priors determine some combination of the free coefficients.
  explicit PrecisionFrame(const GaussianRows& rows);

  Eigen::Index free() const { return centre_.size(); }
  Eigen::Index held() const { return residual_slopes_.size(); }
  const Eigen::VectorXd& centre() const { return centre_; }            ///< γ₀
  const Eigen::MatrixXd& directions() const { return directions_; }    ///< V
  double log_abs_determinant() const { return log_abs_determinant_; }  ///< of V

  /// How likelihood and priors pull at γ₀, given the held coefficients.
  struct Pulls {
    Eigen::ArrayXd likelihood;  ///< g
    Eigen::ArrayXd prior;       ///< e
    Eigen::ArrayXd between;     ///< r = √w g - s e, how far the two pull apart: what no z can satisfy
    double residual = 0;        ///< sum of squares that no z can explain
    Eigen::VectorXd distance;   ///< of the held coefficients from their reference values
  };

  /// Those at the reference values.
  const Pulls& reference_pulls() const { return reference_pulls_; }

  /// Brings the pulls to their `distance`.
  void update(Pulls& pulls) const;

  /// What z_j is given x, as arrays over j.
  struct Conditional {
    Eigen::ArrayXd mean;
    Eigen::ArrayXd inverse_root_precision;
  };

  /// Sizes `into` on first use and allocates nothing after.
  void condition(double x, const Pulls& pulls, Conditional& into) const;

  /// The rates of change with x of mean and inverse root precision; `at` is what `condition` gave.
  void condition_slopes(double x, const Pulls& pulls, const Conditional& at, Conditional& into) const;

  /// -2 log of the density with z integrated out is log_precision + misfit, up to a constant, and half of it falls at the rate
  /// `slope` with x.
  struct Integrated {
    double log_precision;  ///< Σ log d_j
    double misfit;         ///< of the likelihood and the priors, at their weights
    double slope;
  };
  Integrated integrate(double likelihood_weight, const Pulls& pulls) const;

  /// ½ Σ log d_j at x.
  double half_log_precision(double x) const;

  /// Adds the slopes in the held coefficients of the density with z integrated out.
  void add_held_gradient(double x, const Pulls& pulls, Eigen::VectorXd& gradient) const;

  /// Adds what a density with slopes `z_gradient` in z changes by with the held coefficients, through the means of z.
  void add_held_gradient_through_means(double x, const Conditional& at, const Eigen::ArrayXd& z_gradient,
                                       Eigen::VectorXd& gradient) const;

  /// By how many standard errors of the likelihood alone the priors move the mean of each z_j at x.
  Eigen::ArrayXd prior_shifts(double x) const;

  /// The part that each prior has in the prior precision along each direction, (free, free); columns sum to 1 or 0.
  Eigen::MatrixXd prior_shares() const;

 private:
  Eigen::VectorXd centre_;
  Eigen::MatrixXd directions_;
  double log_abs_determinant_ = 0;
  Eigen::MatrixXd prior_directions_;               // prior rows times V
  Eigen::ArrayXd likelihood_share_, prior_share_;  // s², w
  Eigen::ArrayXd likelihood_root_, prior_root_;    // s, √w
  Pulls reference_pulls_;
  Eigen::MatrixXd likelihood_pull_slopes_, prior_pull_slopes_;  // (free, held)
  Eigen::VectorXd residual_slopes_;                             // the residual is a quadratic of the distance
  Eigen::MatrixXd residual_curvature_;
};

}  // namespace filbert
