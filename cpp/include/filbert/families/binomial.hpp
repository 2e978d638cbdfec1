// Row kernels of the binomial family, of which the Bernoulli family is the case of one trial.
#pragma once

#include "filbert/families/row.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

template <Link link>
struct Binomial;

template <>
struct Binomial<Link::Logit> {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Maybe;
  static constexpr bool is_product = true;
  struct Shared {
    explicit Shared(const double*) {}
  };

  /// With `logarithms` false, 1 + e^-|η| is left to the caller, in `factor`: of one trial, log likelihoods sum to less its product's
  /// logarithm, and a product costs less than a logarithm.
  template <Order order, bool logarithms = true>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack n, const Shared&, Pack* factor = nullptr) {
    const Pack size = absolute(eta);
    const Pack e = exponential_of_negative(-size);
    const Pack one_plus_e = 1.0 + e;
    const Mask positive = eta > 0.0;
    const Pack failures = n - y;
    Row row{};
    // Not y η - n log(1 + e^η), which cancels where y = n: both terms here are of one sign.
    row.value = -size * select(positive, failures, y);
    if constexpr (logarithms) {
      row.value -= n * log1p_unit(e);
    } else {
      *factor = one_plus_e;
    }
    if constexpr (order >= Order::Gradient) {
      const Pack large = 1.0 / one_plus_e;
      const Pack small = e * large;
      if constexpr (logarithms) {
        row.d1 = y * select(positive, small, large) - failures * select(positive, large, small);
      } else {
        row.d1 = y - select(positive, large, small);  // of one trial, to the digits that a sum keeps
      }
      if constexpr (order >= Order::Curvature) {
        row.information = n * large * small;
        row.d2 = -row.information;
      }
    }
    return row;
  }
};

template <>
struct Binomial<Link::Probit> {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Maybe;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double*) {}
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack n, const Shared&) {
    constexpr double root_half = 0.70710678118654752440;
    constexpr double root_two_over_pi = 0.79788456080286535588;
    const Pack size = absolute(eta);
    const Mask positive = eta > 0.0;
    const Pack scaled_tail = erfcx(size * root_half);
    const Pack bell = exponential_of_negative(-0.5 * size * size);
    const Pack tail = 0.5 * bell * scaled_tail;                               // Φ(-|η|)
    const Pack log_tail = -0.5 * size * size + logarithm(0.5 * scaled_tail);  // log Φ(-|η|)
    const Pack log_body = log1p(-tail);                                       // log Φ(|η|)
    const Pack for_tail = select(positive, n - y, y);
    const Pack for_body = n - for_tail;
    Row row{};
    row.value = for_tail * log_tail + for_body * log_body;
    if constexpr (order >= Order::Gradient) {
      const Pack ratio_tail = root_two_over_pi / scaled_tail;  // φ(η) / Φ(-|η|)
      const Pack ratio_body = 0.5 * root_two_over_pi * bell / (1.0 - tail);
      // Towards larger |η| the tail's rows fall and the body's rise.
      const Pack slope = for_body * ratio_body - for_tail * ratio_tail;
      row.d1 = select(positive, slope, -slope);
      if constexpr (order >= Order::Curvature) {
        const Pack w = 1.0 / (size * size);
        const Pack product = select(size > 1e3, 1.0 - w + 6.0 * w * w, ratio_tail * (ratio_tail - size));
        row.d2 = -for_tail * product - for_body * ratio_body * (ratio_body + size);
        row.information = n * ratio_tail * ratio_body;
      }
    }
    return row;
  }
};

template <>
struct Binomial<Link::Cloglog> {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Maybe;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double*) {}
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack n, const Shared&) {
    const Pack m = exponential(eta);
    const Pack failures = n - y;
    const Pack log_p = select(eta < -37.0, eta - 0.5 * m, log1m_exp(m));
    Row row{};
    // 0 · inf where m has overflowed and every trial is a success.
    const Pack lost = select(failures > 0.0, failures * m, broadcast(0.0));
    row.value = y * log_p - lost;
    if constexpr (order >= Order::Gradient) {
      const Pack growth = expm1(m);
      const Pack r = select(m > 700.0, broadcast(0.0), select(m < 1e-300, broadcast(1.0), m / growth));
      row.d1 = y * r - lost;
      if constexpr (order >= Order::Curvature) {
        const Pack bracket = select(m < 1e-4, -0.5 * m - m * m * (1.0 / 12), 1.0 - m - r);
        row.d2 = select(m > 700.0, broadcast(0.0), y * r * bracket) - lost;
        row.information = n * select(m > 700.0, broadcast(0.0), m * r);
      }
    }
    return row;
  }
};

template <>
struct Binomial<Link::Identity> {
  static constexpr int auxiliaries = 0;
  static constexpr Second second = Second::Maybe;
  static constexpr bool is_product = false;
  struct Shared {
    explicit Shared(const double*) {}
  };

  template <Order order>
  FILBERT_INLINE static Row evaluate(Pack eta, Pack y, Pack n, const Shared&) {
    const Mask inside = (eta > 0.0) & (eta < 1.0);
    const Pack p = select(inside, eta, broadcast(0.5));
    const Pack q = 1.0 - p;
    const Pack failures = n - y;
    Row row{};
    row.value = select(inside, y * logarithm(p) + failures * log1p(-p), broadcast(-infinity));
    if constexpr (order >= Order::Gradient) {
      row.d1 = y / p - failures / q;
      if constexpr (order >= Order::Curvature) {
        row.d2 = -y / (p * p) - failures / (q * q);
        row.information = n / (p * q);
      }
    }
    return row;
  }
};

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
