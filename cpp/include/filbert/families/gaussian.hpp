// Row kernels of the Gaussian family. With the identity link a regression needs no rows: see LinearGaussian.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct Gaussian {
  static constexpr int auxiliaries = 1;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary)
        : inverse_sigma(broadcast(1 / auxiliary[0])), constant(-half_log_two_pi - logarithm(broadcast(auxiliary[0]))) {}
    Pack inverse_sigma, constant;
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared& shared) {
    const Mean mu = mean_of<link>(eta);
    const Pack r = (y - mu.value) * shared.inverse_sigma;
    Row row{};
    row.value = select(mu.valid, shared.constant - 0.5 * r * r, broadcast(-infinity));
    if constexpr (order >= Order::Gradient) {
      const Pack pull = r * shared.inverse_sigma;
      row.d1 = pull * mu.slope;
      row.auxiliary[0] = r * r - 1.0;
      if constexpr (order >= Order::Curvature) {
        const Pack scaled_slope = mu.slope * shared.inverse_sigma;
        row.information = scaled_slope * scaled_slope;
        row.d2 = pull * mu.curvature - row.information;
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
