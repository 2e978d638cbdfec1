// Random variates of the families, exact and with bounded work, from the generator of this library alone.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "filbert/sampler/rng.hpp"

namespace filbert {

/// Uniform on (0, 1], so that it has a logarithm.
inline double positive_uniform(Rng& rng) { return 1 - rng.uniform(); }

/// The logarithm of a gamma variate of scale 1 (Marsaglia and Tsang 2000): small shapes underflow, their logarithms do not.
inline double log_gamma_variate(Rng& rng, double shape) {
  // What is no shape would never be accepted below.
  if (!(shape > 0 && std::isfinite(shape))) {
    constexpr double inf = std::numeric_limits<double>::infinity();
    return shape == 0 ? -inf : std::numeric_limits<double>::quiet_NaN();
  }
  if (shape < 1) return log_gamma_variate(rng, shape + 1) + std::log(positive_uniform(rng)) / shape;
  const double d = shape - 1.0 / 3;
  const double c = 1 / std::sqrt(9 * d);
  while (true) {
    const double x = rng.normal();
    const double root = 1 + c * x;
    if (root <= 0) continue;
    const double v = root * root * root;
    const double log_v = 3 * std::log(root);
    if (std::log(positive_uniform(rng)) < 0.5 * x * x + d * (1 - v + log_v)) return std::log(d) + log_v;
  }
}

inline double gamma_variate(Rng& rng, double shape) { return std::exp(log_gamma_variate(rng, shape)); }

inline double beta_variate(Rng& rng, double a, double b) {
  const double of_a = log_gamma_variate(rng, a), of_b = log_gamma_variate(rng, b);
  return 1 / (1 + std::exp(of_b - of_a));
}

/// Successes of n trials. The middle one of n ordered uniforms is a beta variate, and tells on which side of it p lies: each halves n.
inline double binomial_variate(Rng& rng, double n, double p) {
  constexpr double few = 24;
  constexpr double most = 9007199254740992;  // beyond, whole numbers are no longer all doubles
  if (!(n >= 0 && n <= most) || std::isnan(p)) return std::numeric_limits<double>::quiet_NaN();
  double successes = 0;
  while (n > few && p > 0 && p < 1) {
    const double i = 1 + std::floor(n / 2);
    const double middle = beta_variate(rng, i, n + 1 - i);
    if (middle <= p) {
      successes += i;
      n -= i;
      p = std::min(1.0, (p - middle) / (1 - middle));
    } else {
      n = i - 1;
      p = p / middle;
    }
  }
  if (p >= 1) return successes + n;
  if (!(p > 0)) return successes;
  for (double trial = 0; trial < n; ++trial) successes += rng.uniform() < p ? 1 : 0;
  return successes;
}

/// Events in a time of `mean`. Where they are many, the time of a late one is a gamma variate: before it they are a known number, or, if
/// it comes too late, a binomial one (Ahrens and Dieter 1974).
inline double poisson_variate(Rng& rng, double mean) {
  constexpr double few = 16;
  if (!(mean < 9e15)) return std::floor(mean);  // beyond, whole numbers are no longer all doubles
  double events = 0;
  while (mean > few) {
    const double late = std::floor(0.875 * mean);
    const double time = gamma_variate(rng, late);
    if (time > mean) return events + binomial_variate(rng, late - 1, mean / time);
    events += late;
    mean -= time;
  }
  double product = rng.uniform();
  const double limit = std::exp(-mean);
  while (product > limit) {
    ++events;
    product *= rng.uniform();
  }
  return events;
}

}  // namespace filbert
