// Row kernels of Student's t family with scale σ and ν degrees of freedom.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct StudentT {
  static constexpr int auxiliaries = 2;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary)
        : inverse_sigma(broadcast(1 / auxiliary[0])), nu(broadcast(auxiliary[1])), inverse_nu(1.0 / nu) {
      const Pack half_nu = 0.5 * nu;
      const GammaDifference ratio = gamma_difference(half_nu, broadcast(0.5));
      constant = ratio.value - 0.5 * logarithm(half_nu) - half_log_two_pi - logarithm(broadcast(auxiliary[0]));
      nu_slope = half_nu * ratio.slope - 0.5;
    }
    Pack inverse_sigma, nu, inverse_nu, constant, nu_slope;
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared& shared) {
    const Mean mu = mean_of<link>(eta);
    const Pack r = (y - mu.value) * shared.inverse_sigma;
    const Pack square = r * r;
    const Pack log_term = log1p(square * shared.inverse_nu);
    const Pack nu_plus_one = shared.nu + 1.0;
    Row row{};
    row.value = select(mu.valid, shared.constant - 0.5 * nu_plus_one * log_term, broadcast(-infinity));
    if constexpr (order >= Order::Gradient) {
      const Pack inverse_total = 1.0 / (shared.nu + square);
      const Pack pull = nu_plus_one * r * shared.inverse_sigma * inverse_total;
      const Pack weighted_square = nu_plus_one * square * inverse_total;
      row.d1 = pull * mu.slope;
      row.auxiliary[0] = weighted_square - 1.0;
      row.auxiliary[1] = shared.nu_slope + 0.5 * (weighted_square - shared.nu * log_term);
      if constexpr (order >= Order::Curvature) {
        const Pack scaled_slope = mu.slope * shared.inverse_sigma;
        const Pack square_slope = scaled_slope * scaled_slope;
        const Pack bend = nu_plus_one * (square - shared.nu) * inverse_total * inverse_total;
        row.d2 = bend * square_slope + pull * mu.curvature;
        row.information = nu_plus_one / (shared.nu + 3.0) * square_slope;
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
