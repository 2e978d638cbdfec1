// Row kernels of the gamma family with mean μ and shape α, and of the exponential one, which has shape 1.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct Gamma {
  static constexpr int auxiliaries = 1;
  static constexpr Second second = Second::Always;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double* auxiliary) : alpha(broadcast(auxiliary[0])) {
      const Pack log_alpha = logarithm(alpha);
      constant = 0.5 * log_alpha - half_log_two_pi - stirling_error(alpha, log_alpha);
      alpha_slope = -alpha * digamma_less_log(alpha, log_alpha);
    }
    Pack alpha, constant, alpha_slope;
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack log_y, const Shared& shared) {
    Row row{};
    const Pack alpha = shared.alpha;
    Pack deviance;  // log(y/μ) - y/μ + 1, half of the unit deviance with its sign changed
    if constexpr (link == Link::Log) {
      const Pack u = log_y - eta;
      deviance = -expm1_less_x(u);
      if constexpr (order >= Order::Gradient) {
        const Pack excess = expm1(u);
        row.d1 = alpha * excess;
        row.d2 = -alpha * (excess + 1.0);
        row.information = alpha;
      }
      row.value = shared.constant + alpha * deviance;
    } else {
      static_assert(link == Link::Inverse || link == Link::Identity);
      const Mask inside = eta > 0.0;
      const Pack x = select(inside, eta, broadcast(1.0));
      const Pack excess = link == Link::Inverse ? y * x - 1.0 : (y - x) / x;  // y/μ - 1
      const Mask near = absolute(excess) < 0.5;
      const Pack log_ratio = link == Link::Inverse ? log_y + logarithm(x) : log_y - logarithm(x);
      // log(1 + excess) - excess, by the remainder of e^u - 1 - u where both are small.
      const Pack log_excess = log1p(select(near, excess, broadcast(0.0)));
      deviance = select(near, -expm1_less_x(log_excess), log_ratio - excess);
      row.value = select(inside, shared.constant + alpha * deviance, broadcast(-infinity));
      if constexpr (order >= Order::Gradient) {
        const Pack inverse = 1.0 / x;
        if constexpr (link == Link::Inverse) {
          row.d1 = -alpha * excess * inverse;
          row.d2 = -alpha * inverse * inverse;
          row.information = alpha * inverse * inverse;
        } else {
          row.d1 = alpha * excess * inverse;
          row.d2 = alpha * (x - 2.0 * y) * inverse * inverse * inverse;
          row.information = alpha * inverse * inverse;
        }
      }
    }
    if constexpr (order >= Order::Gradient) row.auxiliary[0] = shared.alpha_slope + alpha * deviance;
    return row;
  }
};

template <Link link>
struct Exponential {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Never;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double*) {}
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack, const Shared&) {
    static_assert(link == Link::Log);
    const Pack ratio = y * exponential(-eta);
    Row row{};
    row.value = -eta - ratio;
    row.d1 = ratio - 1.0;
    row.d2 = -ratio;
    row.information = broadcast(1.0);
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
