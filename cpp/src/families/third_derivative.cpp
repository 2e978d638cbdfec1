// The bounds, each the lesser of a constant and of an exponential function of the predictor; their proof is their test.
#include "filbert/families/third_derivative.hpp"

#include <algorithm>
#include <cmath>

namespace filbert {

std::optional<ThirdDerivativeBound> ThirdDerivativeBound::of(Family family, Link link) {
  if (family == Family::Bernoulli || family == Family::Binomial) {
    if (link == Link::Logit) return ThirdDerivativeBound(Kind::Logit);
    if (link == Link::Probit) return ThirdDerivativeBound(Kind::Probit);
    if (link == Link::Cloglog) return ThirdDerivativeBound(Kind::Cloglog);
  }
  if (family == Family::Poisson && link == Link::Log) return ThirdDerivativeBound(Kind::Exponential);
  return std::nullopt;
}

double ThirdDerivativeBound::operator()(double eta, double reach, double y, double trials) const {
  switch (kind_) {
    case Kind::Logit: {
      // p q |q - p| is at most p q, which falls with |η|, and nowhere more than 1/(6 √3).
      const double e = std::exp(-std::max(std::abs(eta) - reach, 0.0));
      return trials * std::min(0.0962251, e / ((1 + e) * (1 + e)));
    }
    case Kind::Probit: {
      // (log Φ)''' is positive, at most 0.29572 (near 1) and at most 14.825 e^-2η (equal near 2.785).
      const auto of_success = [reach](double x) { return std::min(0.296, 14.83 * std::exp(-2 * (x - reach))); };
      return (y > 0 ? y * of_success(eta) : 0.0) + (y < trials ? (trials - y) * of_success(-eta) : 0.0);
    }
    case Kind::Cloglog: {
      // With m = e^η a failure's is -m, and that of log(1 - e^-m) lies within 0.42606 (near η = 1.4) and within m / 2.
      const double m = std::exp(eta + reach);
      return (y > 0 ? y * std::min(0.4262, 0.5 * m) : 0.0) + (y < trials ? (trials - y) * m : 0.0);
    }
    case Kind::Exponential:
      return std::exp(eta + reach);
  }
  return HUGE_VAL;
}

}  // namespace filbert
