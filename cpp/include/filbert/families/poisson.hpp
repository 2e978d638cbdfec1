// Row kernels of the Poisson family.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct Poisson {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double*) {}
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared&) {
    Row row{};
    if constexpr (link == Link::Log) {
      const Pack mu = exponential(eta);
      row.value = y * eta - mu;
      row.d1 = y - mu;
      row.d2 = -mu;
      row.information = mu;
    } else {
      // The square root of a mean is not negative: -η would be a second mode of the same fit.
      static_assert(link == Link::Identity || link == Link::Sqrt);
      const Mask inside = eta > 0.0;
      const Pack x = select(inside, eta, broadcast(1.0));
      const Pack inverse = 1.0 / x;
      const Pack log_x = logarithm(x);
      if constexpr (link == Link::Identity) {
        row.value = y * log_x - x;
        row.d1 = y * inverse - 1.0;
        row.d2 = -y * inverse * inverse;
        row.information = inverse;
      } else {
        row.value = 2.0 * y * log_x - x * x;
        row.d1 = 2.0 * y * inverse - 2.0 * x;
        row.d2 = -2.0 * y * inverse * inverse - 2.0;
        row.information = broadcast(4.0);
      }
      row.value = select(inside, row.value, broadcast(-infinity));
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
