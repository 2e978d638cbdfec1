// The coordinates in which the posterior of a Gaussian regression is close to a standard normal, whatever σ is.
#pragma once

#include <Eigen/Core>
#include <optional>
#include <stdexcept>
#include <vector>

#include "filbert/density/linear_gaussian.hpp"
#include "filbert/frame/marginal_coordinate.hpp"

namespace filbert {

/// Thrown where a posterior does not exist: neither data nor priors bound some coefficient, or sigma.
class ImproperPosterior : public std::domain_error {
 public:
  using std::domain_error::domain_error;
};

/// Thrown where doubles cannot hold the posterior: a prior is too narrow, or lies too far from what the data say.
class UncomputablePosterior : public std::range_error {
 public:
  /// The prior of a coefficient, or of sigma.
  explicit UncomputablePosterior(std::optional<Eigen::Index> coefficient)
      : std::range_error("a prior is too narrow, or lies too far from what the data say, for doubles"),
        coefficient_(coefficient) {}

  /// Whose prior it is; empty for sigma.
  std::optional<Eigen::Index> coefficient() const { return coefficient_; }

 private:
  std::optional<Eigen::Index> coefficient_;
};

/// A change of variables from (u, η, ζ) to the coefficients γ and log σ of a scaled regression.
///
/// With σ₀ near the mode and `t = (σ₀/σ)²`, directions V diagonalise the likelihood and the Gaussian proxies of the priors
/// together, for every σ: `γ = γ₀ + V z`, and z_j given σ is Gaussian with precision `d_j = t s_j² + w_j`, s_j² + w_j = 1,
/// and mean `m_j = (t s_j g_j + √w_j e_j) / d_j`, where g and e are the pulls of likelihood and priors at γ₀. Then
/// `u_j = (z_j - m_j) √d_j`, and ζ is the normal score of `x = log(σ/σ₀)`, by a table of its marginal density: with few rows that is
/// far from normal, and a straight line would leave a cliff in it.
///
/// A coefficient whose prior has an edge close to the posterior is *bounded*: it has a coordinate η of its own that maps
/// onto the support, and the others, *free*, have the frame above given its value, on which only the pulls depend, linearly.
class StandardFrame {
 public:
  /// Throws ImproperPosterior, UncomputablePosterior.
  explicit StandardFrame(const ScaledRegression& regression);

  Eigen::Index coefficients() const { return free() + bounded(); }
  Eigen::Index free() const { return centre_.size(); }
  Eigen::Index bounded() const { return static_cast<Eigen::Index>(bounded_coordinates_.size()); }

  /// Indices of the coefficients, in the order of u and of η.
  const std::vector<Eigen::Index>& free_indices() const { return free_indices_; }
  const std::vector<Eigen::Index>& bounded_indices() const { return bounded_indices_; }
  const std::vector<MarginalCoordinate>& bounded_coordinates() const { return bounded_coordinates_; }

  /// How likelihood and priors pull at γ₀, given the bounded coefficients.
  struct Pulls {
    Eigen::ArrayXd likelihood;  ///< g
    Eigen::ArrayXd prior;       ///< e
    Eigen::ArrayXd between;     ///< r = √w g - s e, how far the two pull apart: what no z can satisfy
    double residual = 0;        ///< sum of squares that no z can explain, over σ₀²
    Eigen::VectorXd distance;   ///< of the bounded coefficients from their reference values
  };

  /// Pulls at given values of the bounded coefficients; without any, those that `build` found.
  void pulls_at(const Eigen::VectorXd& bounded_values, Pulls& into) const;
  const Pulls& reference_pulls() const { return reference_pulls_; }
  const Eigen::MatrixXd& likelihood_pull_slopes() const { return likelihood_pull_slopes_; }
  const Eigen::MatrixXd& prior_pull_slopes() const { return prior_pull_slopes_; }

  /// Adds the slope of the marginal density in the bounded coefficients, x and pulls given.
  void add_bounded_gradient(double x, const Pulls& pulls, Eigen::VectorXd& gradient) const;

  /// What z_j is given σ, as arrays over j.
  struct Conditional {
    Eigen::ArrayXd mean;
    Eigen::ArrayXd inverse_root_precision;
  };

  /// `x` is log(σ/σ₀); sizes `into` on first use and allocates nothing after.
  void condition(double x, const Pulls& pulls, Conditional& into) const;

  /// The rates of change with x of mean and inverse root precision; `at` is what `condition` gave.
  void condition_slopes(double x, const Pulls& pulls, const Conditional& at, Conditional& into) const;

  /// The rate of change of the mean of z with the pulls of the likelihood and of the priors.
  const Eigen::ArrayXd& likelihood_root() const { return likelihood_root_; }
  const Eigen::ArrayXd& prior_root() const { return prior_root_; }

  /// The log density of x with the free coefficients integrated out, up to a constant; exact where their priors are Gaussian.
  LogDensityAt marginal(double x, const Pulls& pulls) const;

  /// ½ Σ log d_j at x: less the log Jacobian from u to z.
  double half_log_precision(double x) const;

  const MarginalCoordinate& x_coordinate() const { return x_coordinate_; }
  double log_sigma0() const { return log_sigma0_; }

  const Eigen::VectorXd& centre() const { return centre_; }
  const Eigen::MatrixXd& directions() const { return directions_; }
  const GaussianProxy& proxy(Eigen::Index coefficient) const { return proxies_[static_cast<std::size_t>(coefficient)]; }

  /// By how many standard errors of least squares, with residual deviation `sigma` (scaled units), the priors move the
  /// posterior mean along each direction.
  Eigen::VectorXd prior_shifts(double sigma) const;

  /// The part that prior k has in the prior precision along direction j, (coefficients, directions); columns sum to 1 or 0.
  Eigen::MatrixXd prior_shares() const;

 private:
  void settle(const ScaledRegression& regression);
  void build(const ScaledRegression& regression);
  void locate_sigma();
  bool update_proxies(const ScaledRegression& regression);
  bool bind_edges(const ScaledRegression& regression);
  void require_proper() const;
  Eigen::VectorXd coefficients_at_centre(const ScaledRegression& regression) const;

  double total_weight_;
  Prior sigma_prior_;
  std::vector<GaussianProxy> proxies_;

  std::vector<Eigen::Index> free_indices_, bounded_indices_;
  std::vector<MarginalCoordinate> bounded_coordinates_;
  Eigen::VectorXd bounded_reference_;

  double log_sigma0_ = 0;
  double sigma0_ = 1;
  Eigen::VectorXd centre_;                         // γ₀ of the free coefficients
  Eigen::MatrixXd directions_;                     // V
  Eigen::MatrixXd prior_directions_;               // √τ C V
  Eigen::ArrayXd likelihood_share_, prior_share_;  // s², w
  Eigen::ArrayXd likelihood_root_, prior_root_;    // s, √w
  Pulls reference_pulls_;
  Eigen::MatrixXd likelihood_pull_slopes_, prior_pull_slopes_;  // (free, bounded)
  Eigen::VectorXd residual_slopes_;                             // the residual is a quadratic of the distance
  Eigen::MatrixXd residual_curvature_;
  MarginalCoordinate x_coordinate_;
  double x_centre_ = 0;  // its median
};

}  // namespace filbert
