// What a row kernel gives for a pack of rows, and the links of means and of probabilities that families share.
#pragma once

#include "filbert/families/family.hpp"
#include "filbert/families/simd_math.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

/// How much of a row is wanted. Each order includes those before.
enum class Order { Value, Gradient, Curvature };

/// Whether a family reads a second number of each row: trials, or log y.
enum class Second { Never, Maybe, Always };

/// One row's log likelihood, less the constants of `row_constant`, and derivatives: in the linear predictor η, and in the logarithms of
/// the auxiliaries. Where η is outside of the domain, `value` is -inf and the rest is not read.
struct Row {
  Pack value;
  Pack d1;           ///< dℓ/dη
  Pack d2;           ///< d²ℓ/dη²
  Pack information;  ///< the expectation of -d²ℓ/dη², or an upper bound of it; positive
  Pack auxiliary[max_auxiliaries];
};

/// A mean with its derivatives in η.
struct Mean {
  Pack value, slope, curvature;
  Mask valid;
};

template <Link link>
FILBERT_INLINE Mean mean_of(Pack eta) {
  const Pack one = broadcast(1.0);
  const Pack zero = broadcast(0.0);
  if constexpr (link == Link::Identity) {
    return {eta, one, zero, eta == eta};
  } else if constexpr (link == Link::Log) {
    const Pack mu = exponential(eta);
    return {mu, mu, mu, eta == eta};
  } else {
    static_assert(link == Link::Inverse);
    const Pack mu = 1.0 / eta;
    return {mu, -mu * mu, 2.0 * mu * mu * mu, eta != 0.0};
  }
}

/// A probability and its complement, each to its own digits, with the derivatives in η.
struct Probability {
  Pack p, q, slope, curvature;
};

template <Link link>
FILBERT_INLINE Probability probability_of(Pack eta) {
  constexpr double least = 1e-306;  // keeps logarithms and quotients finite
  if constexpr (link == Link::Logit) {
    const Pack e = exponential_of_negative(-absolute(eta));
    const Pack small = maximum(e / (1.0 + e), broadcast(least));
    const Pack large = 1.0 - small;
    const Mask positive = eta > 0.0;
    const Pack p = select(positive, large, small);
    const Pack q = select(positive, small, large);
    const Pack slope = p * q;
    return {p, q, slope, slope * (q - p)};
  } else if constexpr (link == Link::Probit) {
    const Pack size = absolute(eta);
    const Pack bell = exponential_of_negative(-0.5 * size * size);
    const Pack small = maximum(0.5 * bell * erfcx(size * 0.70710678118654752440), broadcast(least));
    const Pack large = 1.0 - small;
    const Mask positive = eta > 0.0;
    const Pack slope = bell * 0.39894228040143267794;
    return {select(positive, large, small), select(positive, small, large), slope, -eta * slope};
  } else {
    static_assert(link == Link::Cloglog);
    const Pack m = exponential(eta);
    const Pack q = maximum(exponential_of_negative(-m), broadcast(least));
    const Pack p = maximum(-expm1(-m), broadcast(least));
    const Pack slope = select(q > least, m * q, broadcast(0.0));
    return {p, q, slope, slope * (1.0 - m)};
  }
}

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
