// Row kernels of the beta-binomial family with mean μ and concentration κ: a = μκ, b = (1 - μ)κ.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct BetaBinomial {
  static constexpr int auxiliaries = 1;
  static constexpr bool tables_trials = true;  ///< and not responses
  static constexpr Second second = Second::Always;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary) : kappa(broadcast(auxiliary[0])) {}
    Pack kappa;
  };

  /// log Γ(κ) - log Γ(κ + n) and its slope in log κ: what a table of the different numbers of trials holds.
  FILBERT_INLINE static void tabled(Pack n, const Shared& shared, Pack& value, Pack& slope) {
    const GammaDifference difference = gamma_difference(shared.kappa, n);
    value = -difference.value;
    slope = -shared.kappa * difference.slope;
  }

  /// x² times the curvature of log Γ(x + y) - log Γ(x), also where x² underflows.
  FILBERT_INLINE static Pack square_times_curvature(Pack x, Pack y) {
    const Pack safe = maximum(x, broadcast(1e-150));
    return safe * safe * gamma_difference(safe, y).curvature;
  }

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack n, const Shared& shared) {
    const Probability mu = probability_of<link>(eta);
    const Pack kappa = shared.kappa;
    const Pack a = mu.p * kappa, b = mu.q * kappa;
    const GammaDifference successes = gamma_difference(a, y);
    const GammaDifference failures = gamma_difference(b, n - y);
    Row row{};
    row.value = successes.value + failures.value;
    if constexpr (order >= Order::Gradient) {
      const Pack pull = kappa * (successes.slope - failures.slope);
      row.d1 = pull * mu.slope;
      row.auxiliary[0] = a * successes.slope + b * failures.slope;
      if constexpr (order >= Order::Curvature) {
        // Both curvatures are negative. Without the bend of the link their sum stands in for the expected information.
        const Pack relative_a = mu.slope / mu.p, relative_b = mu.slope / mu.q;
        row.information = -(square_times_curvature(a, y) * relative_a * relative_a +
                            square_times_curvature(b, n - y) * relative_b * relative_b);
        row.d2 = pull * mu.curvature - row.information;
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
