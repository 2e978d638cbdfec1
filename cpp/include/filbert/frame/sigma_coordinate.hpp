// The coordinate ζ of a residual deviation: the normal score of its density with the coefficients integrated out.
#pragma once

#include <Eigen/Core>
#include <cmath>

#include "filbert/frame/marginal_coordinate.hpp"
#include "filbert/frame/precision_frame.hpp"
#include "filbert/priors/prior.hpp"

namespace filbert {

/// σ₀ near the mode of σ, and the map from ζ to `x = log(σ/σ₀)`. With few rows the density of x is far from normal, and a
/// straight line would leave a cliff in it; a table of normal scores does not.
class SigmaCoordinate {
 public:
  SigmaCoordinate(double total_weight, const Prior& prior, double log_sigma0)
      : total_weight_(total_weight), prior_(prior), log_sigma0_(log_sigma0) {}

  /// Throws ImproperPosterior where σ has no scale, or where the posterior does not fall fast enough as σ grows, given how many
  /// coefficients have flat priors.
  void require_proper(Eigen::Index flat_coefficients) const;

  /// σ₀, at which a PrecisionFrame must have been built to be used below.
  double sigma0() const { return sigma0_; }
  double log_sigma0() const { return log_sigma0_; }

  /// Makes the table for this frame. Throws UncomputablePosterior where the density is finite nowhere.
  void locate(const PrecisionFrame& frame);

  /// Brings σ₀ to the median that `locate` found.
  void move_to_median();
  double median() const { return median_; }  ///< of x

  /// The log density of x with the free coefficients integrated out, up to a constant; exact where their priors are Gaussian.
  LogDensityAt marginal(double x, const PrecisionFrame& frame, const PrecisionFrame::Pulls& pulls) const;

  /// x of ζ.
  MarginalCoordinate::At operator()(double zeta) const { return coordinate_(zeta); }

 private:
  double total_weight_;
  Prior prior_;
  double log_sigma0_;
  double sigma0_ = std::exp(log_sigma0_);
  MarginalCoordinate coordinate_;
  double median_ = 0;
};

}  // namespace filbert
