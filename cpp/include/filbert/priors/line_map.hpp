// Maps the line onto the support of a parameter, smoothly.
#pragma once

#include <algorithm>
#include <cmath>

#include "filbert/priors/prior.hpp"

namespace filbert {

/// A logarithm where the support has one edge, a logit where it has two, and the identity where it has none.
class LineMap {
 public:
  struct At {
    double value;
    double log_slope;     ///< log of the rate of change of the value
    double slope_of_log;  ///< rate of change of log_slope
  };

  explicit LineMap(const Support& support) : support_(support) {}

  At operator()(double theta) const {
    const bool has_lower = std::isfinite(support_.lower);
    const bool has_upper = std::isfinite(support_.upper);
    if (!has_lower && !has_upper) return {theta, 0, 0};
    if (!has_upper) return {support_.lower + std::exp(theta), theta, 1};
    if (!has_lower) return {support_.upper - std::exp(-theta), -theta, -1};
    const double width = support_.upper - support_.lower;
    const double share = 1 / (1 + std::exp(-theta));
    const double rest = 1 / (1 + std::exp(theta));
    const double value = theta < 0 ? support_.lower + width * share : support_.upper - width * rest;
    return {value, std::log(width) - std::abs(theta) - 2 * std::log1p(std::exp(-std::abs(theta))), rest - share};
  }

  /// Of the value, or of one near it that is well inside the support.
  double inverse(double value) const {
    const bool has_lower = std::isfinite(support_.lower);
    const bool has_upper = std::isfinite(support_.upper);
    if (!has_lower && !has_upper) return value;
    if (!has_upper) return std::log(value > support_.lower ? value - support_.lower : 1.0);
    if (!has_lower) return -std::log(value < support_.upper ? support_.upper - value : 1.0);
    const double share = std::clamp((value - support_.lower) / (support_.upper - support_.lower), 0.01, 0.99);
    return std::log(share / (1 - share));
  }

 private:
  Support support_;
};

}  // namespace filbert
