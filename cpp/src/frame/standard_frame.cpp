// Builds the frame by a QR and an SVD, and places it where the posterior is.
#include "filbert/frame/standard_frame.hpp"

#include <Eigen/QR>
#include <Eigen/SVD>
#include <algorithm>
#include <cmath>
#include <vector>

namespace filbert {
namespace {

using Eigen::ArrayXd;
using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

/// Σ log of positive numbers, at one logarithm for many: their product is kept within the range of a double.
class LogSum {
 public:
  void add(double value) {
    product_ *= value;
    if (product_ > 1e150 || product_ < 1e-150) {
      sum_ += std::log(product_);
      product_ = 1;
    }
  }
  double value() const { return sum_ + std::log(product_); }

 private:
  double product_ = 1;
  double sum_ = 0;
};

/// Residual deviation of least squares where there is one, and otherwise the size of the response.
double starting_sigma(const ScaledRegression& regression) {
  double unexplained = regression.residual;
  double freedom = regression.total_weight;
  if (regression.factor.size() > 0) {
    const Eigen::ColPivHouseholderQR<MatrixXd> qr(regression.factor);
    const VectorXd rotated = qr.householderQ().adjoint() * regression.target;
    unexplained += rotated.tail(rotated.size() - qr.rank()).squaredNorm();
    freedom -= static_cast<double>(qr.rank());
  }
  if (freedom > 0 && unexplained > 0) return std::sqrt(unexplained / freedom);
  return std::sqrt((regression.residual + regression.target.squaredNorm()) / regression.total_weight);
}

}  // namespace

StandardFrame::StandardFrame(const ScaledRegression& regression)
    : total_weight_(regression.total_weight), sigma_prior_(regression.sigma_prior) {
  for (const Prior& prior : regression.coefficient_priors) {
    free_indices_.push_back(static_cast<Index>(free_indices_.size()));
    const GaussianProxy proxy = prior.proxy(prior.proxy(0).mean);
    if (!std::isfinite(proxy.mean * proxy.precision)) throw UncomputablePosterior(free_indices_.back());
    proxies_.push_back(proxy);
  }
  log_sigma0_ = std::log(starting_sigma(regression));
  require_proper();
  settle(regression);
  while (bind_edges(regression)) settle(regression);
}

void StandardFrame::require_proper() const {
  const Index flat =
      std::count_if(proxies_.begin(), proxies_.end(), [](const auto& proxy) { return proxy.precision == 0; });
  const double exponent_at_infinity =
      static_cast<double>(flat) - total_weight_ + 1 + sigma_prior_.tail_exponent();  // of σ, for log σ
  if (!(exponent_at_infinity < 0)) {
    throw ImproperPosterior(
        "the posterior of sigma is improper: there are too few rows for this many coefficients with flat priors. "
        "Give them, or sigma, a proper prior");
  }
  if (!std::isfinite(log_sigma0_)) throw ImproperPosterior("the response is 0 in every row, so sigma has no scale");
}

// σ₀ follows the mode of σ, and proxies follow the mode of the coefficients; Gaussian priors need one round, or two.
void StandardFrame::settle(const ScaledRegression& regression) {
  constexpr int most_rounds = 12;
  for (int round = 1; round <= most_rounds; ++round) {
    build(regression);
    locate_sigma();
    if (round == most_rounds) break;  // the frame is a change of variables: exact, if not the best
    const bool far = std::abs(x_centre_) > 1;
    const bool moved = update_proxies(regression);
    if (!far && !moved) break;
    if (far) log_sigma0_ += x_centre_;
  }
}

void StandardFrame::build(const ScaledRegression& regression) {
  const Index rows = regression.target.size();
  const Index p = static_cast<Index>(free_indices_.size());
  sigma0_ = std::exp(log_sigma0_);

  // Likelihood rows above prior rows, for the free coefficients; the bounded ones stand at their reference values.
  MatrixXd stacked(rows + p, p);
  MatrixXd stacked_bounded(rows + p, bounded());
  VectorXd target(rows + p);
  stacked.topRows(rows) = regression.factor(Eigen::all, free_indices_) / sigma0_;
  stacked_bounded.topRows(rows) = regression.factor(Eigen::all, bounded_indices_) / sigma0_;
  target.head(rows) = regression.target / sigma0_;
  for (Index k = 0; k < p; ++k) {
    const Index coefficient = free_indices_[static_cast<std::size_t>(k)];
    const double root = std::sqrt(proxy(coefficient).precision);
    stacked.row(rows + k) = root * regression.combinations(coefficient, free_indices_);
    stacked_bounded.row(rows + k) = root * regression.combinations(coefficient, bounded_indices_);
    target(rows + k) = root * proxy(coefficient).mean;
  }
  target -= stacked_bounded * bounded_reference_;

  MatrixXd left = MatrixXd::Zero(rows, p);
  likelihood_share_ = ArrayXd::Zero(p);
  directions_ = MatrixXd::Zero(p, p);
  centre_ = VectorXd::Zero(p);
  if (p > 0) {
    VectorXd unit = stacked.colwise().stableNorm().transpose();
    unit = (unit.array() > 0).select(unit, 1);
    const Eigen::ColPivHouseholderQR<MatrixXd> qr(stacked * unit.cwiseInverse().asDiagonal());
    if (!(std::abs(qr.matrixQR()(p - 1, p - 1)) > 1e-13)) {
      throw ImproperPosterior(
          "the posterior is improper: some coefficients are determined neither by the data nor by a proper prior");
    }
    centre_ = unit.cwiseInverse().asDiagonal() * VectorXd(qr.solve(target));
    const MatrixXd inverse = qr.matrixQR().topRows(p).triangularView<Eigen::Upper>().solve(MatrixXd::Identity(p, p));
    const MatrixXd whiten = unit.cwiseInverse().asDiagonal() * (qr.colsPermutation() * inverse);
    const Eigen::BDCSVD<MatrixXd> svd(stacked.topRows(rows) * whiten, Eigen::ComputeThinU | Eigen::ComputeThinV);
    left = svd.matrixU();
    directions_ = whiten * svd.matrixV();
    likelihood_share_ = svd.singularValues().array().square().min(1.0);
  }
  prior_directions_ = stacked.bottomRows(p) * directions_;
  prior_share_ = prior_directions_.colwise().squaredNorm().transpose().array();
  likelihood_root_ = likelihood_share_.sqrt();
  prior_root_ = prior_share_.sqrt();

  const ArrayXd inverse_prior_root = (prior_share_ > 0).select(prior_root_.inverse(), 0.0);
  const MatrixXd right = prior_directions_ * inverse_prior_root.matrix().asDiagonal();
  const VectorXd off_likelihood = target.head(rows) - stacked.topRows(rows) * centre_;
  const VectorXd off_prior = target.tail(p) - stacked.bottomRows(p) * centre_;
  reference_pulls_.likelihood = (left.transpose() * off_likelihood).array();
  reference_pulls_.prior = (right.transpose() * off_prior).array();
  reference_pulls_.between = prior_root_ * reference_pulls_.likelihood - likelihood_root_ * reference_pulls_.prior;
  reference_pulls_.distance = VectorXd::Zero(bounded());

  likelihood_pull_slopes_ = -left.transpose() * stacked_bounded.topRows(rows);
  prior_pull_slopes_ = -right.transpose() * stacked_bounded.bottomRows(p);
  const VectorXd unexplained = off_likelihood - left * reference_pulls_.likelihood.matrix();
  const MatrixXd unexplained_slopes = -stacked_bounded.topRows(rows) - left * likelihood_pull_slopes_;
  reference_pulls_.residual = regression.residual / (sigma0_ * sigma0_) + unexplained.squaredNorm();
  residual_slopes_ = 2 * unexplained_slopes.transpose() * unexplained;
  residual_curvature_ = unexplained_slopes.transpose() * unexplained_slopes;
}

void StandardFrame::locate_sigma() {
  const Support& sigma = sigma_prior_.support();
  const Support x{std::log(sigma.lower) - log_sigma0_, std::log(sigma.upper) - log_sigma0_};
  try {
    x_coordinate_ = MarginalCoordinate(x, [this](double at) { return marginal(at, reference_pulls_).value; });
  } catch (const std::range_error&) {
    throw UncomputablePosterior({});
  }
  x_centre_ = x_coordinate_(0).value;
}

VectorXd StandardFrame::coefficients_at_centre(const ScaledRegression& regression) const {
  Conditional at;
  condition(x_centre_, reference_pulls_, at);
  VectorXd coefficients(regression.target.size());
  coefficients(free_indices_) = centre_ + directions_ * at.mean.matrix();
  coefficients(bounded_indices_) = bounded_reference_;
  return coefficients;
}

bool StandardFrame::update_proxies(const ScaledRegression& regression) {
  const VectorXd combination = regression.combinations * coefficients_at_centre(regression);
  double change = 0;
  std::vector<GaussianProxy> updated = proxies_;
  for (const Index k : free_indices_) {
    const Prior& prior = regression.coefficient_priors[static_cast<std::size_t>(k)];
    if (prior.is_gaussian()) continue;
    GaussianProxy& proxy = updated[static_cast<std::size_t>(k)];
    const double before = proxy.precision;
    proxy = prior.proxy(combination(k));
    if (proxy.precision != before) change = std::max(change, std::abs(std::log(proxy.precision / before)));
  }
  const bool moved = change > 0.05;
  if (moved) proxies_ = std::move(updated);
  return moved;
}

bool StandardFrame::bind_edges(const ScaledRegression& regression) {
  // Farther from its edge than this many posterior deviations, a coefficient keeps its place in the Gaussian frame: it
  // would meet the edge once in a billion draws, and then only end a trajectory.
  constexpr double near = 6;
  Conditional at;
  condition(x_centre_, reference_pulls_, at);
  const VectorXd mean = coefficients_at_centre(regression);
  const VectorXd deviation = (directions_ * at.inverse_root_precision.matrix().asDiagonal()).rowwise().norm();
  std::vector<Index> still_free;
  for (Index row = 0; row < free(); ++row) {
    const Index k = free_indices_[static_cast<std::size_t>(row)];
    const Prior& prior = regression.coefficient_priors[static_cast<std::size_t>(k)];
    const Support& support = prior.support();
    const double reach = near * deviation(row);
    const bool is_alone = regression.combinations.row(k).cwiseAbs().sum() == 1;  // about one coefficient, not several
    if (!is_alone || (mean(k) - reach > support.lower && mean(k) + reach < support.upper)) {
      still_free.push_back(k);
      continue;
    }
    // The Gaussian marginal without the proxy, times the prior; where the proxy is all there is, that difference is rounding.
    const GaussianProxy& proxy = proxies_[static_cast<std::size_t>(k)];
    const double precision = 1 / (deviation(row) * deviation(row));
    const bool is_informed = precision - proxy.precision > 1e-10 * precision;
    const double curvature = is_informed ? precision - proxy.precision : 0;
    const double slope = is_informed ? precision * (mean(k) - proxy.mean) : 0;
    const auto log_density = [&](double value) {
      const double distance = value - proxy.mean;
      return distance * (slope - 0.5 * curvature * distance) + prior(value).value;
    };
    bounded_indices_.push_back(k);
    try {
      bounded_coordinates_.emplace_back(support, log_density);
    } catch (const std::range_error&) {
      throw UncomputablePosterior(k);
    }
  }
  if (still_free.size() == free_indices_.size()) return false;
  free_indices_ = std::move(still_free);
  bounded_reference_.resize(bounded());
  for (Index b = 0; b < bounded(); ++b) {
    bounded_reference_(b) = bounded_coordinates_[static_cast<std::size_t>(b)](0).value;
  }
  return true;
}

void StandardFrame::pulls_at(const VectorXd& bounded_values, Pulls& into) const {
  into.distance = bounded_values - bounded_reference_;
  into.likelihood = reference_pulls_.likelihood;
  into.prior = reference_pulls_.prior;
  into.residual = reference_pulls_.residual;
  for (Index b = 0; b < bounded(); ++b) {
    const double distance = into.distance(b);
    into.likelihood += distance * likelihood_pull_slopes_.col(b).array();
    into.prior += distance * prior_pull_slopes_.col(b).array();
    into.residual += distance * (residual_slopes_(b) + residual_curvature_.col(b).dot(into.distance));
  }
  into.between = prior_root_ * into.likelihood - likelihood_root_ * into.prior;
}

void StandardFrame::add_bounded_gradient(double x, const Pulls& pulls, VectorXd& gradient) const {
  const double t = std::exp(-2 * x);
  for (Index b = 0; b < bounded(); ++b) {
    double slope = 0.5 * residual_slopes_(b) + residual_curvature_.col(b).dot(pulls.distance);
    for (Index j = 0; j < free(); ++j) {
      const double between_slope =
          prior_root_[j] * likelihood_pull_slopes_(j, b) - likelihood_root_[j] * prior_pull_slopes_(j, b);
      slope += pulls.between[j] * between_slope / (t * likelihood_share_[j] + prior_share_[j]);
    }
    gradient(b) -= t * slope;
  }
}

void StandardFrame::condition(double x, const Pulls& pulls, Conditional& into) const {
  const double t = std::exp(-2 * x);
  into.inverse_root_precision = (t * likelihood_share_ + prior_share_).rsqrt();
  into.mean =
      (t * likelihood_root_ * pulls.likelihood + prior_root_ * pulls.prior) * into.inverse_root_precision.square();
}

void StandardFrame::condition_slopes(double x, const Pulls& pulls, const Conditional& at, Conditional& into) const {
  const double t = std::exp(-2 * x);
  into.mean = -2 * t * likelihood_root_ * prior_root_ * pulls.between * at.inverse_root_precision.square().square();
  into.inverse_root_precision = t * likelihood_share_ * at.inverse_root_precision.cube();
}

LogDensityAt StandardFrame::marginal(double x, const Pulls& pulls) const {
  const double sigma_ratio = std::exp(x);
  const double t = 1 / (sigma_ratio * sigma_ratio);
  LogSum log_precision;
  double between = 0;
  double slope = 0;
  for (Index j = 0; j < likelihood_share_.size(); ++j) {
    const double likelihood = t * likelihood_share_[j];
    const double precision = likelihood + prior_share_[j];
    const double variance = 1 / precision;
    const double square = t * pulls.between[j] * pulls.between[j] * variance;
    log_precision.add(precision);
    between += square;
    slope += variance * (likelihood + square * prior_share_[j]);
  }
  const double sigma = sigma0_ * sigma_ratio;
  const LogDensityAt prior = sigma_prior_(sigma);
  const double value =
      -0.5 * (log_precision.value() + between + t * pulls.residual) - (total_weight_ - 1) * x + prior.value;
  return {value, slope + t * pulls.residual - (total_weight_ - 1) + prior.derivative * sigma};
}

double StandardFrame::half_log_precision(double x) const {
  const double t = std::exp(-2 * x);
  LogSum log_precision;
  for (Index j = 0; j < likelihood_share_.size(); ++j) log_precision.add(t * likelihood_share_[j] + prior_share_[j]);
  return 0.5 * log_precision.value();
}

VectorXd StandardFrame::prior_shifts(double sigma) const {
  const double t = std::exp(-2 * x_centre_);
  const ArrayXd precision = t * likelihood_share_ + prior_share_;
  return (prior_root_ * reference_pulls_.between).abs() / precision * (sigma0_ / sigma);
}

MatrixXd StandardFrame::prior_shares() const {
  MatrixXd shares = MatrixXd::Zero(coefficients(), free());
  for (Index k = 0; k < free(); ++k) {
    shares.row(free_indices_[static_cast<std::size_t>(k)]) = prior_directions_.row(k).cwiseAbs2();
  }
  for (Index j = 0; j < free(); ++j) {
    if (prior_share_[j] > 0) shares.col(j) /= prior_share_[j];
  }
  return shares;
}

}  // namespace filbert
