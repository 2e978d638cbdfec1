// Puts the summary and the priors into units of order one, and evaluates the posterior there.
#include "filbert/density/linear_gaussian.hpp"

#include <cmath>
#include <numbers>
#include <stdexcept>
#include <string>

#include "filbert/numeric/require.hpp"

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

LinearGaussian::LinearGaussian(const SufficientStatistics& summary, bool intercept, InterceptPrior about,
                               const std::vector<Prior>& coefficient_priors, const Prior& sigma_prior)
    : intercept_(intercept) {
  const Index p = summary.columns();
  const Index first = intercept ? 1 : 0;
  const Index n_coefficients = p + first;
  if (static_cast<Index>(coefficient_priors.size()) != n_coefficients) {
    throw std::invalid_argument("coefficient_priors must have one prior for each of the " +
                                std::to_string(n_coefficients) + " coefficients, not " +
                                std::to_string(coefficient_priors.size()));
  }
  if (!(sigma_prior.support().lower >= 0)) {
    throw std::invalid_argument("sigma_prior must be a prior on positive values, such as HalfNormal or HalfCauchy");
  }

  const LeastSquaresSystem system = intercept ? summary.centred() : summary.uncentred();
  response_scale_ = system.scale(p);
  coefficient_scale_ = VectorXd::Constant(n_coefficients, response_scale_);
  coefficient_scale_.tail(p).array() /= system.scale.head(p).array();

  for (Index k = 0; k < n_coefficients; ++k) {
    if (coefficient_scale_(k) > 0 && std::isfinite(coefficient_scale_(k))) continue;
    throw std::invalid_argument("column " + std::to_string(k - first) +
                                " and the response are so far apart in size that no double can be its coefficient; "
                                "choose another unit for one of them");
  }

  scaled_.total_weight = summary.total_weight();
  scaled_.residual = system.residual;
  scaled_.factor = MatrixXd::Zero(n_coefficients, n_coefficients);
  scaled_.factor.bottomRightCorner(p, p) = system.factor;
  scaled_.target.resize(n_coefficients);
  scaled_.target.tail(p) = system.target;
  scaled_.combinations = MatrixXd::Identity(n_coefficients, n_coefficients);
  if (intercept) {
    mean_ = summary.mean().head(p).cwiseQuotient(system.scale.head(p));
    const double root_weight = std::sqrt(scaled_.total_weight);
    scaled_.factor(0, 0) = root_weight;
    scaled_.target(0) = root_weight * (summary.mean()(p) / response_scale_);
    if (about == InterceptPrior::AtZero && coefficient_priors.front().support().is_real_line()) {
      scaled_.combinations.row(0).tail(p) = -mean_.transpose();
    } else if (about == InterceptPrior::AtZero) {  // only a coefficient of its own can stop at the edge of its prior
      scaled_.factor.row(0).tail(p) = root_weight * mean_.transpose();
      mean_.setZero();
    }
  }

  const double log_response_scale = std::log(response_scale_);
  scaled_.sigma_prior = sigma_prior.scaled(1 / response_scale_);
  log_unit_ = -scaled_.total_weight * log_response_scale;
  if (sigma_prior.is_proper()) log_unit_ -= log_response_scale;
  log_unit_ += log_response_scale;  // of the Jacobian, σ
  for (Index k = 0; k < n_coefficients; ++k) {
    const Prior& prior = coefficient_priors[static_cast<std::size_t>(k)];
    scaled_.coefficient_priors.push_back(prior.scaled(1 / coefficient_scale_(k)));
    coefficient_priors_.add(scaled_.coefficient_priors.back());
    if (prior.is_proper()) log_unit_ -= std::log(coefficient_scale_(k));
  }
}

double LinearGaussian::operator()(const VectorXd& position, VectorXd& gradient) const {
  const Index n_coefficients = coefficients();
  require_size("position", position.size(), "elements", dimension());
  VectorXd coefficient = position.head(n_coefficients).cwiseQuotient(coefficient_scale_);
  if (intercept_) coefficient(0) += mean_.dot(coefficient.tail(mean_.size()));
  const double sigma = std::exp(position(n_coefficients)) / response_scale_;

  const VectorXd residual = (scaled_.factor * coefficient - scaled_.target) / sigma;
  const double sum_of_squares = residual.squaredNorm() + scaled_.residual / (sigma * sigma);
  double value = log_unit_ - scaled_.total_weight * (std::log(sigma) + 0.5 * std::log(2 * std::numbers::pi)) -
                 0.5 * sum_of_squares;
  VectorXd slope = -scaled_.factor.transpose() * (residual / sigma);

  VectorXd combination(n_coefficients), derivative(n_coefficients);
  for (Index k = 0; k < n_coefficients; ++k) combination(k) = scaled_.combinations.row(k).dot(coefficient);
  value = coefficient_priors_(value, combination, derivative);
  for (Index k = 0; k < n_coefficients; ++k) slope += derivative(k) * scaled_.combinations.row(k).transpose();
  const LogDensityAt sigma_prior = scaled_.sigma_prior(sigma);
  value += sigma_prior.value + std::log(sigma);

  gradient.resize(dimension());
  if (intercept_) slope.tail(mean_.size()) += slope(0) * mean_;
  gradient.head(n_coefficients) = slope.cwiseQuotient(coefficient_scale_);
  gradient(n_coefficients) = sum_of_squares - scaled_.total_weight + sigma_prior.derivative * sigma + 1;
  return value;
}

void LinearGaussian::to_user_scale(Eigen::Ref<MatrixXd> coefficients) const {
  require_size("coefficients", coefficients.rows(), "rows", coefficient_scale_.size());
  if (intercept_) coefficients.row(0) -= mean_.transpose() * coefficients.bottomRows(mean_.size());
  coefficients.array().colwise() *= coefficient_scale_.array();
}

}  // namespace filbert
