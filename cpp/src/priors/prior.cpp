// The formulas of each prior, in units of its scale so that no square overflows.
#include "filbert/priors/prior.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>
#include <stdexcept>

namespace filbert {

/// Priors that differ in location, scale, degrees and support alone share a shape.
enum class Prior::Shape : int { Flat, Normal, StudentT, Laplace, Gamma, InverseGamma };

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

double positive(std::string_view prior, std::string_view parameter, double value) {
  if (value > 0 && std::isfinite(value)) return value;
  std::ostringstream message;
  message << prior << ": " << parameter << " must be positive and finite, not " << value;
  throw std::invalid_argument(message.str());
}

double finite(std::string_view prior, std::string_view parameter, double value) {
  if (std::isfinite(value)) return value;
  std::ostringstream message;
  message << prior << ": " << parameter << " must be finite, not " << value;
  throw std::invalid_argument(message.str());
}

double student_t_normaliser(double nu, double sigma) {
  if (nu > 1e4) {  // Stirling's series: the difference of two large numbers has no digits left
    return -0.5 * std::log(2 * std::numbers::pi) - 0.25 / nu - std::log(sigma);
  }
  return std::lgamma(0.5 * (nu + 1)) - std::lgamma(0.5 * nu) - 0.5 * std::log(nu * std::numbers::pi) - std::log(sigma);
}

constexpr std::array<std::string_view, 2> mu_sigma{"mu", "sigma"}, alpha_beta{"alpha", "beta"}, mu_b{"mu", "b"},
    lower_upper{"lower", "upper"}, nu_sigma{"nu", "sigma"};
constexpr std::array<std::string_view, 3> nu_mu_sigma{"nu", "mu", "sigma"};
constexpr std::array<std::string_view, 1> sigma_alone{"sigma"}, beta_alone{"beta"}, lam_alone{"lam"};

}  // namespace

std::span<const NamedPrior> Prior::table() {
  using Values = std::span<const double>;
  static constexpr std::array rows{
      NamedPrior{"Normal", mu_sigma, [](Values v) { return normal(v[0], v[1]); }},
      NamedPrior{"StudentT", nu_mu_sigma, [](Values v) { return student_t(v[0], v[1], v[2]); }},
      NamedPrior{"Cauchy", alpha_beta, [](Values v) { return cauchy(v[0], v[1]); }},
      NamedPrior{"Laplace", mu_b, [](Values v) { return laplace(v[0], v[1]); }},
      NamedPrior{"Uniform", lower_upper, [](Values v) { return uniform(v[0], v[1]); }},
      NamedPrior{"Flat", {}, [](Values) { return flat(); }},
      NamedPrior{"HalfNormal", sigma_alone, [](Values v) { return half_normal(v[0]); }},
      NamedPrior{"HalfStudentT", nu_sigma, [](Values v) { return half_student_t(v[0], v[1]); }},
      NamedPrior{"HalfCauchy", beta_alone, [](Values v) { return half_cauchy(v[0]); }},
      NamedPrior{"HalfFlat", {}, [](Values) { return half_flat(); }},
      NamedPrior{"Exponential", lam_alone, [](Values v) { return exponential(v[0]); }},
      NamedPrior{"Gamma", alpha_beta, [](Values v) { return gamma(v[0], v[1]); }},
      NamedPrior{"InverseGamma", alpha_beta, [](Values v) { return inverse_gamma(v[0], v[1]); }},
  };
  return rows;
}

Prior Prior::named(std::string_view name, std::span<const double> parameters) {
  for (const NamedPrior& row : table()) {
    if (row.name != name) continue;
    if (parameters.size() == row.parameters.size()) return row.make(parameters);
    std::ostringstream message;
    message << name << " takes " << row.parameters.size() << " parameters (";
    for (std::size_t i = 0; i < row.parameters.size(); ++i) message << (i == 0 ? "" : ", ") << row.parameters[i];
    message << "), not " << parameters.size();
    throw std::invalid_argument(message.str());
  }
  std::ostringstream message;
  message << "unknown prior '" << name << "'; there are";
  for (const NamedPrior& row : table()) message << (&row == table().data() ? " " : ", ") << row.name;
  throw std::invalid_argument(message.str());
}

Prior Prior::normal(double mu, double sigma) {
  positive("Normal", "sigma", sigma);
  const double log_normaliser = -0.5 * std::log(2 * std::numbers::pi) - std::log(sigma);
  return Prior(Shape::Normal, finite("Normal", "mu", mu), sigma, 0, log_normaliser, Support{});
}

Prior Prior::student_t(double nu, double mu, double sigma) {
  positive("StudentT", "nu", nu);
  positive("StudentT", "sigma", sigma);
  return Prior(Shape::StudentT, finite("StudentT", "mu", mu), sigma, nu, student_t_normaliser(nu, sigma), Support{});
}

Prior Prior::cauchy(double alpha, double beta) {
  return student_t(1, finite("Cauchy", "alpha", alpha), positive("Cauchy", "beta", beta));
}

Prior Prior::laplace(double mu, double b) {
  positive("Laplace", "b", b);
  return Prior(Shape::Laplace, finite("Laplace", "mu", mu), b, 0, -std::numbers::ln2 - std::log(b), Support{});
}

Prior Prior::uniform(double lower, double upper) {
  finite("Uniform", "lower", lower);
  finite("Uniform", "upper", upper);
  positive("Uniform", "upper - lower", upper - lower);
  return Prior(Shape::Flat, 0.5 * lower + 0.5 * upper, upper - lower, 0, -std::log(upper - lower),
               Support{lower, upper});
}

Prior Prior::flat() { return Prior(Shape::Flat, 0, 1, 0, 0, Support{}); }

Prior Prior::halved() const {
  Prior half = *this;
  half.log_normaliser_ += std::numbers::ln2;
  half.support_.lower = 0;
  return half;
}

Prior Prior::half_normal(double sigma) { return normal(0, positive("HalfNormal", "sigma", sigma)).halved(); }

Prior Prior::half_student_t(double nu, double sigma) {
  return student_t(positive("HalfStudentT", "nu", nu), 0, positive("HalfStudentT", "sigma", sigma)).halved();
}

Prior Prior::half_cauchy(double beta) { return student_t(1, 0, positive("HalfCauchy", "beta", beta)).halved(); }

Prior Prior::half_flat() { return Prior(Shape::Flat, 0, 1, 0, 0, Support{0, infinity}); }

Prior Prior::exponential(double lam) { return gamma(1, positive("Exponential", "lam", lam)); }

Prior Prior::gamma(double alpha, double beta) {
  positive("Gamma", "alpha", alpha);
  positive("Gamma", "beta", beta);
  const double log_normaliser = alpha * std::log(beta) - std::lgamma(alpha);
  return Prior(Shape::Gamma, 0, 1 / beta, alpha, log_normaliser, Support{0, infinity});
}

Prior Prior::inverse_gamma(double alpha, double beta) {
  positive("InverseGamma", "alpha", alpha);
  positive("InverseGamma", "beta", beta);
  const double log_normaliser = alpha * std::log(beta) - std::lgamma(alpha);
  return Prior(Shape::InverseGamma, 0, beta, alpha, log_normaliser, Support{0, infinity});
}

LogDensityAt Prior::operator()(double x) const {
  if (!support_.contains(x)) return {-infinity, 0};
  const double z = (x - location_) / scale_;
  switch (shape_) {
    case Shape::Flat:
      return {log_normaliser_, 0};
    case Shape::Normal:
      return {log_normaliser_ - 0.5 * z * z, -z / scale_};
    case Shape::StudentT:
      return {log_normaliser_ - 0.5 * (degrees_ + 1) * std::log1p(z * z / degrees_),
              -(degrees_ + 1) / (degrees_ + z * z) * z / scale_};
    case Shape::Laplace:
      return {log_normaliser_ - std::abs(z), std::copysign(1 / scale_, -z)};
    case Shape::Gamma:
      return {log_normaliser_ + (degrees_ - 1) * std::log(x) - z, (degrees_ - 1) / x - 1 / scale_};
    case Shape::InverseGamma:
      return {log_normaliser_ - (degrees_ + 1) * std::log(x) - scale_ / x, (scale_ / x - (degrees_ + 1)) / x};
  }
  return {-infinity, 0};
}

SmoothLogDensity Prior::smooth(double x) const {
  const LogDensityAt at = (*this)(x);
  if (!support_.contains(x)) return {-infinity, 0, 0, 0};
  const double z = (x - location_) / scale_;
  const double per_square = 1 / (scale_ * scale_);
  switch (shape_) {
    case Shape::Flat:
      return {at.value, 0, 0, 0};
    case Shape::Normal:
      return {at.value, at.derivative, -per_square, 0};
    case Shape::StudentT: {
      const double total = degrees_ + z * z;
      const double factor = (degrees_ + 1) / total, share = degrees_ / total, rest = z * z / total;
      return {at.value, at.derivative, factor * (rest - share) * per_square,
              2 * factor * z * (3 * share - rest) / total * per_square / scale_};
    }
    case Shape::Laplace: {
      const double root = std::sqrt(1 + z * z);
      const double cube = root * root * root;
      return {log_normaliser_ - root, -z / root / scale_, -per_square / cube,
              3 * z / (cube * root * root) * per_square / scale_};
    }
    case Shape::Gamma: {
      const double by_x = (degrees_ - 1) / x;
      return {at.value, at.derivative, -by_x / x, 2 * by_x / (x * x)};
    }
    case Shape::InverseGamma: {
      const double pull = scale_ / x, decay = degrees_ + 1;
      return {at.value, at.derivative, (decay - 2 * pull) / (x * x), (6 * pull - 2 * decay) / (x * x * x)};
    }
  }
  return {-infinity, 0, 0, 0};
}

bool Prior::is_proper() const {
  return shape_ != Shape::Flat || (std::isfinite(support_.lower) && std::isfinite(support_.upper));
}

bool Prior::is_gaussian() const {
  return (shape_ == Shape::Normal || shape_ == Shape::Flat) && support_.is_real_line();
}

GaussianProxy Prior::proxy(double at) const {
  const double inverse_scale = 1 / scale_;
  const double z = std::abs(at - location_) / scale_;
  switch (shape_) {
    case Shape::Flat:
      return {location_, is_proper() ? 12 * inverse_scale * inverse_scale : 0};
    case Shape::Normal:
      return {location_, inverse_scale * inverse_scale};
    case Shape::StudentT:
      return {location_, (degrees_ + 1) / (degrees_ + z * z) * inverse_scale * inverse_scale};
    case Shape::Laplace:
      return {location_, inverse_scale * inverse_scale / std::max(z, 1.0)};
    case Shape::Gamma:
      return {degrees_ * scale_, inverse_scale * inverse_scale / degrees_};
    case Shape::InverseGamma: {  // mode, and curvature there: the moments need not exist
      const double root_precision = (degrees_ + 1) * std::sqrt(degrees_ + 1) * inverse_scale;
      return {scale_ / (degrees_ + 1), root_precision * root_precision};
    }
  }
  return {};
}

double Prior::tail_exponent() const {
  if (std::isfinite(support_.upper)) return -infinity;
  switch (shape_) {
    case Shape::Flat:
      return 0;
    case Shape::StudentT:
    case Shape::InverseGamma:
      return -(degrees_ + 1);
    default:
      return -infinity;
  }
}

Prior Prior::scaled(double factor) const {
  Prior result = *this;
  result.location_ *= factor;
  result.scale_ *= factor;
  result.support_.lower *= factor;
  result.support_.upper *= factor;
  const bool power_of_x = shape_ == Shape::Gamma || shape_ == Shape::InverseGamma;
  const double exponent = shape_ == Shape::InverseGamma ? -degrees_ : degrees_;
  // A gamma's normaliser is α log β, so that a change of unit moves it by the exponent of x; improper ones have no unit.
  if (power_of_x) {
    result.log_normaliser_ -= exponent * std::log(factor);
  } else if (is_proper()) {
    result.log_normaliser_ -= std::log(factor);
  }
  return result;
}

}  // namespace filbert
