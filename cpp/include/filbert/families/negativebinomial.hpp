// Row kernels of the negative binomial family with mean μ and variance μ + μ²/α.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct NegativeBinomial {
  static constexpr int auxiliaries = 1;
  static constexpr bool tables_trials = false;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary)
        : alpha(broadcast(auxiliary[0])), log_alpha(logarithm(broadcast(auxiliary[0]))) {}
    Pack alpha, log_alpha;
  };

  /// log Γ(y + α) - log Γ(α) and its slope in log α: what a table of the different responses holds.
  FILBERT_INLINE static void tabled(Pack y, const Shared& shared, Pack& value, Pack& slope) {
    const GammaDifference difference = gamma_difference(shared.alpha, y);
    // With α^y taken out, as `evaluate` takes it out of the rest.
    value = difference.value - y * shared.log_alpha;
    slope = shared.alpha * difference.slope - y;
  }

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared& shared) {
    Row row{};
    const Pack alpha = shared.alpha;
    if constexpr (link == Link::Log) {
      const Pack t = eta - shared.log_alpha;  // log(μ / α)
      const Pack e = exponential_of_negative(-absolute(t));
      const Pack softplus = maximum(t, broadcast(0.0)) + log1p_unit(e);
      const Pack large = 1.0 / (1.0 + e);
      const Pack small = e * large;
      const Pack p = select(t > 0.0, large, small);
      const Pack q = select(t > 0.0, small, large);
      row.value = y * eta - (y + alpha) * softplus;
      if constexpr (order >= Order::Gradient) {
        row.d1 = y * q - alpha * p;
        row.auxiliary[0] = (y + alpha) * p - alpha * softplus;
        if constexpr (order >= Order::Curvature) {
          row.d2 = -(y + alpha) * p * q;
          row.information = alpha * p;
        }
      }
    } else {
      static_assert(link == Link::Identity);
      const Mask inside = eta > 0.0;
      const Pack mu = select(inside, eta, broadcast(1.0));
      const Pack share = mu / alpha;
      const Pack softplus = log1p(share);
      row.value = select(inside, y * logarithm(mu) - (y + alpha) * softplus, broadcast(-infinity));
      if constexpr (order >= Order::Gradient) {
        const Pack total = mu + alpha;
        row.d1 = y / mu - (y + alpha) / total;
        row.auxiliary[0] = (y + alpha) * mu / total - alpha * softplus;
        if constexpr (order >= Order::Curvature) {
          row.d2 = -y / (mu * mu) + (y + alpha) / (total * total);
          row.information = alpha / (mu * total);
        }
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
