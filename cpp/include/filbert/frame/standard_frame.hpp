// The coordinates in which the posterior of a Gaussian regression is close to a standard normal, whatever σ is.
#pragma once

#include <Eigen/Core>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/frame/precision_frame.hpp"
#include "filbert/frame/prior_edges.hpp"
#include "filbert/frame/prior_proxies.hpp"
#include "filbert/frame/scaled_regression.hpp"
#include "filbert/frame/sigma_coordinate.hpp"

namespace filbert {

/// A change of variables from (u, η, ζ) to the coefficients γ and log σ of a scaled regression.
///
/// ζ is the normal score of `x = log(σ/σ₀)` (SigmaCoordinate), η those of the bounded coefficients (PriorEdges), and
/// `u_j = (z_j - m_j) √d_j` where z are the coordinates of the free ones in a PrecisionFrame, in which Gaussian proxies stand for
/// the priors (PriorProxies).
class StandardFrame {
 public:
  /// Throws ImproperPosterior, UncomputablePosterior.
  explicit StandardFrame(const ScaledRegression& regression);

  Eigen::Index coefficients() const { return free() + bounded(); }
  Eigen::Index free() const { return precision_.free(); }
  Eigen::Index bounded() const { return edges_.bounded_size(); }

  const PriorEdges& edges() const { return edges_; }
  const PriorProxies& proxies() const { return proxies_; }
  const PrecisionFrame& precision() const { return precision_; }
  const SigmaCoordinate& sigma() const { return sigma_; }

  /// Pulls at given values of the bounded coefficients.
  void pulls_at(const Eigen::VectorXd& bounded_values, PrecisionFrame::Pulls& into) const;

  /// By how many standard errors of least squares, with residual deviation `sigma` (scaled units), the priors move the
  /// posterior mean along each direction. Throws std::invalid_argument where sigma is not positive.
  Eigen::VectorXd prior_shifts(double sigma) const;

  /// The part that prior k has in the prior precision along direction j, (coefficients, directions); columns sum to 1 or 0.
  Eigen::MatrixXd prior_shares() const;

 private:
  void settle(const ScaledRegression& regression);
  Eigen::VectorXd coefficients_at_median() const;
  Eigen::VectorXd deviations_at_median() const;

  PriorEdges edges_;
  PriorProxies proxies_;
  SigmaCoordinate sigma_;
  PrecisionFrame precision_;
};

}  // namespace filbert
