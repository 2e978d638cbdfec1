// Row kernels of the beta family with mean μ and concentration κ: a = μκ, b = (1 - μ)κ.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct Beta {
  static constexpr int auxiliaries = 1;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary)
        : kappa(broadcast(auxiliary[0])),
          log_kappa(logarithm(kappa)),
          constant(0.5 * log_kappa - half_log_two_pi + stirling_error(kappa, log_kappa)),
          kappa_slope(kappa * digamma_less_log(kappa, log_kappa)) {}
    Pack kappa, log_kappa, constant, kappa_slope;
  };

  /// x² trigamma(x), which is 1 where x² underflows.
  FILBERT_INLINE static Pack square_times_trigamma(Pack x) {
    const Pack safe = maximum(x, broadcast(1e-150));
    return safe * safe * trigamma(safe);
  }

  /// Γ is taken as Stirling's formula and its error: the formula's terms cancel among Γ(κ), Γ(a) and Γ(b) in closed form, and what is
  /// left is κ times the divergence of y from μ.
  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared& shared) {
    const Probability mu = probability_of<link>(eta);
    const Pack kappa = shared.kappa;
    const Pack rest = 1.0 - y;
    // y - μ from the smaller side, so that both logarithms see the same difference.
    const Pack difference = select(mu.p < mu.q, y - mu.p, mu.q - rest);
    const Pack log_p = logarithm(mu.p), log_q = logarithm(mu.q);
    const Pack log_y_over_p = log_ratio(y, mu.p, difference);
    const Pack log_rest_over_q = log_ratio(rest, mu.q, -difference);
    const Pack a = mu.p * kappa, b = mu.q * kappa;
    const Pack log_a = log_p + shared.log_kappa, log_b = log_q + shared.log_kappa;
    const Pack divergence = kappa * (mu.p * log_y_over_p + mu.q * log_rest_over_q);
    Row row{};
    row.value =
        shared.constant + divergence + 0.5 * (log_p + log_q) - stirling_error(a, log_a) - stirling_error(b, log_b);
    if constexpr (order >= Order::Gradient) {
      const Pack rest_a = digamma_less_log(a, log_a), rest_b = digamma_less_log(b, log_b);
      const Pack pull = kappa * (log_y_over_p - log_rest_over_q - rest_a + rest_b);
      row.d1 = pull * mu.slope;
      row.auxiliary[0] = shared.kappa_slope + divergence - a * rest_a - b * rest_b;
      if constexpr (order >= Order::Curvature) {
        const Pack relative_a = mu.slope / mu.p, relative_b = mu.slope / mu.q;
        row.information =
            square_times_trigamma(a) * relative_a * relative_a + square_times_trigamma(b) * relative_b * relative_b;
        row.d2 = pull * mu.curvature - row.information;
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
