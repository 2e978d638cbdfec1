// Chains the derivatives of likelihood and priors through the maps onto the supports.
#include "filbert/density/unconstrained_glm.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

namespace filbert {

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

constexpr double auxiliary_step = 1e-4;  // in the logarithm of an auxiliary, for differences of the gradient

double or_minus_infinity(double value) { return std::isnan(value) ? -infinity : value; }

bool has_end(const Support& support) { return support.lower > 0 || std::isfinite(support.upper); }

/// Logarithms of the distances from the ends, but for that from 0, of which the logarithm of an auxiliary knows nothing.
SmoothLogDensity barrier(const Support& support, double x) {
  SmoothLogDensity result{0, 0, 0, 0};
  if (support.lower > 0) {
    const double distance = x - support.lower;
    result.value += std::log(distance);
    result.first += 1 / distance;
    result.second -= 1 / (distance * distance);
  }
  if (std::isfinite(support.upper)) {
    const double distance = support.upper - x;
    result.value += std::log(distance);
    result.first -= 1 / distance;
    result.second -= 1 / (distance * distance);
  }
  return result;
}

}  // namespace

SupportMap::At SupportMap::operator()(double t) const {
  const bool has_lower = std::isfinite(support_.lower);
  const bool has_upper = std::isfinite(support_.upper);
  if (!has_lower && !has_upper) return {t * unit_, unit_, 0, std::log(unit_), 0, 0};
  if (!has_upper) {
    const double e = std::exp(t);
    return {support_.lower + e, e, e, t, 1, 0};
  }
  if (!has_lower) {
    const double e = std::exp(-t);
    return {support_.upper - e, e, -e, -t, -1, 0};
  }
  const double width = support_.upper - support_.lower;
  const double share = 1 / (1 + std::exp(-t)), rest = 1 / (1 + std::exp(t));
  const double slope = width * share * rest;
  const double value = t < 0 ? support_.lower + width * share : support_.upper - width * rest;
  return {value,
          slope,
          slope * (rest - share),
          std::log(width) - std::abs(t) - 2 * std::log1p(std::exp(-std::abs(t))),
          rest - share,
          -2 * share * rest};
}

double SupportMap::inverse(double value) const {
  const bool has_lower = std::isfinite(support_.lower);
  const bool has_upper = std::isfinite(support_.upper);
  if (!has_lower && !has_upper) return value / unit_;
  if (!has_upper) return std::log(value - support_.lower);
  if (!has_lower) return -std::log(support_.upper - value);
  return std::log(value - support_.lower) - std::log(support_.upper - value);
}

double SupportMap::inside(double reach) const {
  const bool has_lower = std::isfinite(support_.lower);
  const bool has_upper = std::isfinite(support_.upper);
  if (has_lower && has_upper) {
    const double margin = std::min(reach, 0.25 * (support_.upper - support_.lower));
    return std::clamp(0.0, support_.lower + margin, support_.upper - margin);
  }
  if (has_lower) return std::max(0.0, support_.lower + reach);
  if (has_upper) return std::min(0.0, support_.upper - reach);
  return 0;
}

UnconstrainedGlm::UnconstrainedGlm(std::shared_ptr<const GlmPosterior> posterior, bool likelihood_only)
    : posterior_(std::move(posterior)), likelihood_only_(likelihood_only) {
  const GlmPriors& priors = posterior_->priors();
  const bool at_means = priors.about == InterceptPrior::AtMeans;
  centred_ = priors.intercept && (at_means || likelihood_only || priors.coefficients[0].support().is_real_line());
  if (priors.intercept && !at_means && centred_) intercept_shift_ = -1;
  const Index first = priors.intercept ? 1 : 0;
  for (Index k = 0; k < coefficients(); ++k) {
    const double unit = k < first ? 1.0 : 1 / data().scale()(k - first);
    maps_.emplace_back(likelihood_only ? Support{} : priors.coefficients[static_cast<std::size_t>(k)].support(), unit);
  }
  at_.resize(maps_.size());
  c_ = VectorXd::Zero(data().columns());
  c_gradient_ = c_;
  auxiliaries_ = posterior_->fixed_auxiliaries();
  auxiliary_gradient_ = VectorXd::Zero(std::max<Index>(auxiliaries_.size(), 1));
  b_gradient_ = VectorXd::Zero(coefficients());
  packed_.assign(static_cast<std::size_t>(max_batch) * static_cast<std::size_t>(data().columns()), 0.0);
  packed_auxiliaries_.assign(static_cast<std::size_t>(max_batch) * max_auxiliaries, 1.0);
}

bool UnconstrainedGlm::is_linear() const {
  return std::all_of(maps_.begin(), maps_.end(), [](const SupportMap& map) { return map.is_linear(); });
}

bool UnconstrainedGlm::hold_auxiliaries() {
  if (likelihood_only_) return false;
  for (std::size_t k = 0; k < posterior_->free_auxiliaries().size(); ++k) {
    if (has_end(posterior_->auxiliary_prior(k).support())) holds_auxiliaries_ = true;
  }
  return holds_auxiliaries_;
}

void UnconstrainedGlm::set_point(const VectorXd& q) {
  for (Index k = 0; k < coefficients(); ++k) at_[static_cast<std::size_t>(k)] = map(k)(q(k));
  to_columns(q, c_);
  const auto& free = posterior_->free_auxiliaries();
  for (std::size_t k = 0; k < free.size(); ++k) {
    auxiliaries_(free[k]) = std::exp(q(coefficients() + static_cast<Index>(k)));
  }
}

void UnconstrainedGlm::to_columns(const Eigen::Ref<const VectorXd>& q, Eigen::Ref<VectorXd> c) const {
  const Index first = has_intercept() ? 1 : 0;
  c(0) = has_intercept() ? map(0)(q(0)).value : 0.0;
  for (Index j = 0; j < data().predictors(); ++j) {
    const double slope = map(j + first)(q(j + first)).value;
    c(j + 1) = slope * data().scale()(j);
    if (!centred_) c(0) += slope * data().mean()(j);
  }
}

MatrixXd UnconstrainedGlm::column_slopes(const VectorXd& q) const {
  const Index first = has_intercept() ? 1 : 0;
  MatrixXd slopes = MatrixXd::Zero(data().columns(), coefficients());
  if (has_intercept()) slopes(0, 0) = map(0)(q(0)).slope;
  for (Index j = 0; j < data().predictors(); ++j) {
    const double slope = map(j + first)(q(j + first)).slope;
    slopes(j + 1, j + first) = slope * data().scale()(j);
    if (!centred_) slopes(0, j + first) = slope * data().mean()(j);
  }
  return slopes;
}

double UnconstrainedGlm::prior_argument(const VectorXd& q, Index coefficient, VectorXd& direction) const {
  const SupportMap::At own = map(coefficient)(q(coefficient));
  double at = own.value;
  direction.setZero();
  direction(coefficient) = own.slope;
  if (has_intercept() && coefficient == 0) {
    for (Index j = 1; j < coefficients(); ++j) {
      const SupportMap::At other = map(j)(q(j));
      direction(j) = intercept_shift_ * data().mean()(j - 1) * other.slope;
      at += intercept_shift_ * data().mean()(j - 1) * other.value;
    }
  }
  return at;
}

double UnconstrainedGlm::intercept_argument() const {
  double at = at_[0].value;
  if (intercept_shift_ != 0) {
    for (Index j = 1; j < coefficients(); ++j) {
      at += intercept_shift_ * data().mean()(j - 1) * at_[static_cast<std::size_t>(j)].value;
    }
  }
  return at;
}

SmoothLogDensity UnconstrainedGlm::smooth_prior(std::size_t k, double x, Priors priors) const {
  const Prior& prior = posterior_->priors().coefficients[k];
  if (priors == Priors::Smooth) return prior.smooth(x);
  const LogDensityAt at = prior(x);
  return {at.value, at.derivative, 0, 0};
}

double UnconstrainedGlm::operator()(const VectorXd& q, VectorXd& gradient) {
  return evaluate(q, gradient, Priors::AsTheyAre);
}

double UnconstrainedGlm::surrogate(const VectorXd& q, VectorXd& gradient) {
  prepare({q});
  return evaluate(q, gradient, Priors::Smooth);
}

double UnconstrainedGlm::evaluate(const VectorXd& q, VectorXd& gradient, Priors priors) {
  set_point(q);
  const double log_likelihood = data().gradient(c_, auxiliaries_, c_gradient_, auxiliary_gradient_);
  return rest_of_gradient(q, log_likelihood, gradient, priors);
}

/// From the derivatives of the log likelihood in c to those of the log density in q.
double UnconstrainedGlm::rest_of_gradient(const VectorXd& q, double log_likelihood, VectorXd& gradient, Priors priors) {
  double value = log_likelihood;
  const Index first = has_intercept() ? 1 : 0;
  if (first == 1) b_gradient_(0) = c_gradient_(0);
  for (Index j = 0; j < data().predictors(); ++j) {
    b_gradient_(j + first) = c_gradient_(j + 1) * data().scale()(j);
    if (!centred_) b_gradient_(j + first) += c_gradient_(0) * data().mean()(j);
  }
  if (!likelihood_only_) {
    for (Index k = 0; k < coefficients(); ++k) {
      const bool is_intercept = k < first;
      const double at = is_intercept ? intercept_argument() : at_[static_cast<std::size_t>(k)].value;
      const SmoothLogDensity prior = smooth_prior(static_cast<std::size_t>(k), at, priors);
      value += prior.value;
      b_gradient_(k) += prior.first;
      if (is_intercept && intercept_shift_ != 0) {
        for (Index j = 1; j < coefficients(); ++j)
          b_gradient_(j) += intercept_shift_ * data().mean()(j - 1) * prior.first;
      }
    }
  }
  for (Index k = 0; k < coefficients(); ++k) {
    const SupportMap::At& at = at_[static_cast<std::size_t>(k)];
    gradient(k) = b_gradient_(k) * at.slope;
    if (!likelihood_only_) {
      gradient(k) += at.log_slope_1;
      value += at.log_slope;
    }
  }
  const auto& free = posterior_->free_auxiliaries();
  for (std::size_t k = 0; k < free.size(); ++k) {
    const Index i = coefficients() + static_cast<Index>(k);
    gradient(i) = auxiliary_gradient_(free[k]);
    if (likelihood_only_) continue;
    const double natural = auxiliaries_(free[k]);
    const bool is_held = holds_auxiliaries_ && priors == Priors::Smooth;
    const LogDensityAt prior = posterior_->auxiliary_prior(k)(natural);
    const SmoothLogDensity held =
        is_held ? barrier(posterior_->auxiliary_prior(k).support(), natural) : SmoothLogDensity{};
    value += prior.value + held.value + q(i);
    gradient(i) += (prior.derivative + held.first) * natural + 1;
  }
  return or_minus_infinity(value);
}

double UnconstrainedGlm::curvature(const VectorXd& q, VectorXd& gradient, MatrixXd& hessian, Information information,
                                   bool clip_priors) {
  prepare({q});
  hessian.setZero(dimension(), dimension());
  if (!posterior_->free_auxiliaries().empty()) add_auxiliary_hessian(q, hessian);
  set_point(q);
  c_hessian_.resize(data().columns(), data().columns());
  const double log_likelihood =
      data().curvature(c_, auxiliaries_, information, c_gradient_, auxiliary_gradient_, c_hessian_);
  const double value = rest_of_gradient(q, log_likelihood, gradient, Priors::Smooth);
  const MatrixXd slopes = column_slopes(q);
  hessian.topLeftCorner(coefficients(), coefficients()).noalias() +=
      slopes.transpose() * (c_hessian_.selfadjointView<Eigen::Lower>() * slopes);
  for (Index k = 0; k < coefficients(); ++k) {
    const SupportMap::At& at = at_[static_cast<std::size_t>(k)];
    hessian(k, k) += b_gradient_(k) * at.curvature + (likelihood_only_ ? 0.0 : at.log_slope_2);
  }
  if (!likelihood_only_) add_prior_hessian(q, hessian, clip_priors);
  return value;
}

VectorXd UnconstrainedGlm::beside(const VectorXd& q, std::size_t free, double step) const {
  VectorXd moved = q;
  moved(coefficients() + static_cast<Index>(free)) += step;
  return moved;
}

void UnconstrainedGlm::prepare(const std::vector<VectorXd>& points) {
  if (data().passes() == nullptr) return;
  std::vector<GlmPoint> asked;
  const auto ask = [&](const VectorXd& q) {
    set_point(q);
    asked.push_back({c_, auxiliaries_});
  };
  for (const VectorXd& q : points) {
    ask(q);
    for (std::size_t k = 0; k < posterior_->free_auxiliaries().size(); ++k) {
      for (const double step : {-auxiliary_step, auxiliary_step}) ask(beside(q, k, step));
    }
  }
  data().passes()->prepare(asked, Information::Observed);
}

/// By central differences of the gradient, in the logarithm of each auxiliary; without the priors.
void UnconstrainedGlm::add_auxiliary_hessian(const VectorXd& q, MatrixXd& hessian) {
  constexpr double step = auxiliary_step;
  const auto& free = posterior_->free_auxiliaries();
  const Index first = coefficients(), count = static_cast<Index>(free.size());
  MatrixXd columns(data().columns(), 2), of_auxiliaries(count, 2);
  const MatrixXd slopes = column_slopes(q);
  for (Index k = 0; k < count; ++k) {
    for (const Index side : {0, 1}) {
      set_point(beside(q, static_cast<std::size_t>(k), side == 0 ? -step : step));
      data().gradient(c_, auxiliaries_, c_gradient_, auxiliary_gradient_);
      columns.col(side) = c_gradient_;
      for (Index l = 0; l < count; ++l)
        of_auxiliaries(l, side) = auxiliary_gradient_(free[static_cast<std::size_t>(l)]);
    }
    const VectorXd cross = slopes.transpose() * (columns.col(1) - columns.col(0)) / (2 * step);
    hessian.col(first + k).head(first) = cross;
    hessian.row(first + k).head(first) = cross.transpose();
    for (Index l = 0; l < count; ++l) {
      const double bend = (of_auxiliaries(l, 1) - of_auxiliaries(l, 0)) / (2 * step);
      hessian(first + l, first + k) += 0.5 * bend;  // each pair is seen from both sides
      hessian(first + k, first + l) += 0.5 * bend;
    }
  }
}

void UnconstrainedGlm::add_prior_hessian(const VectorXd& q, MatrixXd& hessian, bool clip) {
  VectorXd direction(dimension());
  for (Index k = 0; k < coefficients(); ++k) {
    const double at = prior_argument(q, k, direction);
    double bend = smooth_prior(static_cast<std::size_t>(k), at, Priors::Smooth).second;
    if (clip) bend = std::min(bend, 0.0);
    if (has_intercept() && k == 0 && intercept_shift_ != 0) {
      hessian += bend * direction * direction.transpose();
    } else {
      hessian(k, k) += bend * direction(k) * direction(k);
    }
  }
  const auto& free = posterior_->free_auxiliaries();
  for (std::size_t k = 0; k < free.size(); ++k) {
    const Index i = coefficients() + static_cast<Index>(k);
    const double x = std::exp(q(i));
    const SmoothLogDensity prior = posterior_->auxiliary_prior(k).smooth(x);
    double bend = prior.second * x * x + prior.first * x;
    if (holds_auxiliaries_) {
      const SmoothLogDensity held = barrier(posterior_->auxiliary_prior(k).support(), x);
      bend += held.second * x * x + held.first * x;
    }
    hessian(i, i) += clip ? std::min(bend, 0.0) : bend;
  }
}

void UnconstrainedGlm::batch(const Eigen::Ref<const MatrixXd>& points, Eigen::Ref<VectorXd> values) {
  const Index draws = points.cols(), columns = data().columns();
  const auto& free = posterior_->free_auxiliaries();
  for (Index d = 0; d < draws; ++d) {
    to_columns(points.col(d), c_);
    double* const group = packed_.data() + (d / batch_group) * columns * batch_group + d % batch_group;
    for (Index j = 0; j < columns; ++j) group[j * batch_group] = c_(j);
    for (Index k = 0; k < auxiliaries_.size(); ++k)
      packed_auxiliaries_[static_cast<std::size_t>(d * max_auxiliaries + k)] = auxiliaries_(k);
    for (std::size_t k = 0; k < free.size(); ++k) {
      packed_auxiliaries_[static_cast<std::size_t>(d * max_auxiliaries + free[k])] =
          std::exp(points(coefficients() + static_cast<Index>(k), d));
    }
  }
  data().batch(static_cast<int>(draws), packed_.data(), packed_auxiliaries_.data(), values.data());
  for (Index d = 0; d < draws; ++d) values(d) = or_minus_infinity(values(d) + prior_value(points.col(d)));
}

VectorXd UnconstrainedGlm::batch_at_once(const MatrixXd& points) const {
  MatrixXd columns(data().columns(), points.cols());
  MatrixXd auxiliaries = posterior_->fixed_auxiliaries().replicate(1, points.cols());
  const auto& free = posterior_->free_auxiliaries();
  for (Index d = 0; d < points.cols(); ++d) {
    to_columns(points.col(d), columns.col(d));
    for (std::size_t k = 0; k < free.size(); ++k) {
      auxiliaries(free[k], d) = std::exp(points(coefficients() + static_cast<Index>(k), d));
    }
  }
  VectorXd values = data().batch(columns, auxiliaries);
  for (Index d = 0; d < points.cols(); ++d) values(d) = or_minus_infinity(values(d) + prior_value(points.col(d)));
  return values;
}

double UnconstrainedGlm::prior_value(const Eigen::Ref<const VectorXd>& q) const {
  if (likelihood_only_) return 0;
  double value = 0, shift = 0;
  const Index first = has_intercept() ? 1 : 0;
  const std::vector<Prior>& priors = posterior_->priors().coefficients;
  for (Index k = first; k < coefficients(); ++k) {
    const SupportMap::At at = map(k)(q(k));
    value += priors[static_cast<std::size_t>(k)](at.value).value + at.log_slope;
    if (first == 1) shift += intercept_shift_ * data().mean()(k - 1) * at.value;
  }
  if (first == 1) {
    const SupportMap::At at = map(0)(q(0));
    value += priors[0](at.value + shift).value + at.log_slope;
  }
  for (std::size_t k = 0; k < posterior_->free_auxiliaries().size(); ++k) {
    const double log_natural = q(coefficients() + static_cast<Index>(k));
    value += posterior_->auxiliary_prior(k)(std::exp(log_natural)).value + log_natural;
  }
  return value;
}

void UnconstrainedGlm::to_user_scale(const Eigen::Ref<const VectorXd>& q, Eigen::Ref<VectorXd> user,
                                     bool log_auxiliaries) const {
  const Index first = has_intercept() ? 1 : 0;
  for (Index k = 0; k < coefficients(); ++k) user(k) = map(k)(q(k)).value;
  if (first == 1 && centred_) user(0) -= user.segment(1, data().predictors()).dot(data().mean());
  for (Index k = coefficients(); k < dimension(); ++k) user(k) = log_auxiliaries ? q(k) : std::exp(q(k));
}

double UnconstrainedGlm::log_jacobian(const VectorXd& q) const {
  double value = 0;
  for (Index k = 0; k < coefficients(); ++k) value += map(k)(q(k)).log_slope;
  return value;
}

MatrixXd UnconstrainedGlm::jacobian(const VectorXd& q) const {
  MatrixXd matrix = MatrixXd::Identity(dimension(), dimension());
  const Index first = has_intercept() ? 1 : 0;
  for (Index k = 0; k < coefficients(); ++k) {
    matrix(k, k) = map(k)(q(k)).slope;
    if (k >= first && first == 1 && centred_) matrix(0, k) = -data().mean()(k - 1) * matrix(k, k);
  }
  return matrix;
}

}  // namespace filbert
