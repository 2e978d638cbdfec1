// Puts together what data, priors of coefficients and the prior of σ say of σ.
#include "filbert/frame/sigma_coordinate.hpp"

#include <stdexcept>

#include "filbert/frame/posterior_errors.hpp"

namespace filbert {

void SigmaCoordinate::require_proper(Eigen::Index flat_coefficients) const {
  const double exponent_at_infinity =
      static_cast<double>(flat_coefficients) - total_weight_ + 1 + prior_.tail_exponent();  // of σ, for log σ
  if (!(exponent_at_infinity < 0)) {
    throw ImproperPosterior(
        "the posterior of sigma is improper: there are too few rows for this many coefficients with flat priors. "
        "Give them, or sigma, a proper prior");
  }
  if (!std::isfinite(log_sigma0_)) throw ImproperPosterior("the response is 0 in every row, so sigma has no scale");
}

void SigmaCoordinate::locate(const PrecisionFrame& frame) {
  const Support& sigma = prior_.support();
  const Support x{std::log(sigma.lower) - log_sigma0_, std::log(sigma.upper) - log_sigma0_};
  try {
    coordinate_ = MarginalCoordinate(x, [&](double at) { return marginal(at, frame, frame.reference_pulls()).value; });
  } catch (const std::range_error&) {
    throw UncomputablePosterior({});
  }
  median_ = coordinate_(0).value;
}

void SigmaCoordinate::move_to_median() {
  log_sigma0_ += median_;
  sigma0_ = std::exp(log_sigma0_);
}

LogDensityAt SigmaCoordinate::marginal(double x, const PrecisionFrame& frame,
                                       const PrecisionFrame::Pulls& pulls) const {
  const double sigma_ratio = std::exp(x);
  const double t = 1 / (sigma_ratio * sigma_ratio);
  const PrecisionFrame::Integrated of_z = frame.integrate(t, pulls);
  const double sigma = sigma0_ * sigma_ratio;
  const LogDensityAt prior = prior_(sigma);
  const double value =
      -0.5 * (of_z.log_precision + of_z.misfit + t * pulls.residual) - (total_weight_ - 1) * x + prior.value;
  return {value, of_z.slope + t * pulls.residual - (total_weight_ - 1) + prior.derivative * sigma};
}

}  // namespace filbert
