// Elementary and gamma functions of packs of doubles: branch-free, accurate to a few units in the last place.
#pragma once

#include "filbert/numeric/simd.hpp"

namespace filbert::kernels::FILBERT_INSTRUCTION_SET {

// Made by tests/data/glm/fit_polynomials.py; lowest degree first.

// exp_coefficients: [-0.346608, 0.346608], relative error 4.9e-18
inline constexpr double exp_coefficients[] = {0.5,
                                              0.1666666666666667,
                                              0.04166666666666667,
                                              0.008333333333326136,
                                              0.0013888888888883748,
                                              0.00019841269874820627,
                                              2.4801587325547743e-05,
                                              2.7557255400206422e-06,
                                              2.75572736431103e-07,
                                              2.5105217004720745e-08,
                                              2.0914686968086876e-09};
// log_coefficients: [0, 0.0295], relative error 5.6e-17
inline constexpr double log_coefficients[] = {0.6666666666666666,  0.4000000000000089,  0.2857142857079543,
                                              0.2222222239356661,  0.18181795442371984, 0.1538625044794019,
                                              0.13268485680654427, 0.13089629160674623};
// log1p_coefficients: [0, 0.111111], relative error 1.2e-18
inline constexpr double log1p_coefficients[] = {2.0,
                                                0.6666666666666669,
                                                0.3999999999999287,
                                                0.28571428572622926,
                                                0.22222222119103674,
                                                0.18181823422495252,
                                                0.1538444706045997,
                                                0.13336876815743837,
                                                0.11715274668110426,
                                                0.10976616637947494,
                                                0.06980390498332432,
                                                0.16488285931389568};
// erfcx_coefficients: [-1, 1], relative error 5.3e-17
inline constexpr double erfcx_coefficients[] = {
    1.2329951186255526,     -0.1396211168405625,     0.01537965210261959,     0.0680970542546913,
    -0.1010390660362999,    0.0937328349984105,      -0.06633036581219905,    0.03716751553632399,
    -0.01619773405968329,   0.0050319699895242515,   -0.000757773262030915,   -0.00019925676026410458,
    0.00015062149237837335, -2.43989944557621e-05,   -1.1221292615314274e-05, 5.709314113532492e-06,
    2.9198219084548256e-07, -8.25078338681245e-07,   7.74606863568198e-08,    1.1025271999000152e-07,
    -2.05545313698593e-08,  -1.4806988146925795e-08, 3.1672611119361695e-09,  1.825695118953907e-09,
    -2.655726616312575e-10, -1.4311318470928162e-10};
// stirling_coefficients: [0, 0.015625], relative error 5.6e-17
inline constexpr double stirling_coefficients[] = {
    0.08333333333333333,   -0.0027777777777776747, 0.0007936507935117282, -0.0005952380234291254,
    0.0008417325268022405, -0.001914965912162907,  0.0062081367662297935, -0.020855820837463117};
// digamma_coefficients: [0, 0.015625], relative error 5.6e-17
inline constexpr double digamma_coefficients[] = {0.08333333333333333,    -0.008333333333333273, 0.003968253968150779,
                                                  -0.0041666665982644955, 0.007575734736252119,  -0.021088476563015532,
                                                  0.08284662584146768,    -0.4103919397123186,   1.7723438848038762};
// trigamma_coefficients: [0, 0.015625], relative error 5.6e-17
inline constexpr double trigamma_coefficients[] = {0.16666666666666666,  -0.0333333333333322, 0.023809523807580096,
                                                   -0.03333333204380414, 0.07575714459070881, -0.25303182992145234,
                                                   1.1574253415441726,   -6.4640994255594775, 30.16232499270368};

template <std::size_t N>
FILBERT_INLINE Pack polynomial(const double (&coefficients)[N], Pack x) {
  Pack value = broadcast(coefficients[N - 1]);
  for (std::size_t i = N - 1; i-- > 0;) value = value * x + coefficients[i];
  return value;
}

constexpr double ln2_high = 6.93147180369123816490e-01;  // 32 bits, so that a product with an exponent is exact
constexpr double ln2_low = 1.90821492927058770002e-10;
constexpr double half_log_two_pi = 0.918938533204672741780;

/// x = n log 2 + r with |r| <= log(2) / 2: e^x = 2^n (1 + rest), and rest = r + r² tail.
struct ReducedExponential {
  Pack two_to_n, r, tail;
};

/// For x in [-708, 709].
FILBERT_INLINE ReducedExponential reduce_exponential(Pack x) {
  constexpr double shift = 0x1.8p52;  // adding it rounds to a whole number, which then stands in the lowest bits
  const Pack shifted = x * 1.44269504088896340736 + shift;
  const Pack n = shifted - shift;
  const Pack r = (x - n * ln2_high) - n * ln2_low;
  const Bits exponent = (as_bits(shifted) - as_bits(broadcast(shift)) + broadcast_bits(1023)) << 52;
  return {as_double(exponent), r, polynomial(exp_coefficients, r)};
}

/// e^x; below -708 the value at -708, which is 3e-308.
FILBERT_INLINE Pack exponential(Pack x) {
  const ReducedExponential e = reduce_exponential(minimum(maximum(x, broadcast(-708.0)), broadcast(709.0)));
  const Pack value = e.two_to_n * (1.0 + (e.r + e.r * e.r * e.tail));
  // The last stretch before overflow, and what lies beyond it.
  const Pack beyond =
      select(x < 709.782712893384, value * (1.0 + (x - 709.0) * (1.0 + 0.5 * (x - 709.0))), broadcast(infinity));
  return select(x > 709.0, beyond, value);
}

/// e^x for x <= 0.
FILBERT_INLINE Pack exponential_of_negative(Pack x) {
  const ReducedExponential e = reduce_exponential(maximum(x, broadcast(-708.0)));
  return e.two_to_n * (1.0 + (e.r + e.r * e.r * e.tail));
}

/// e^x - 1 with all its digits near 0.
FILBERT_INLINE Pack expm1(Pack x) {
  const ReducedExponential e = reduce_exponential(minimum(maximum(x, broadcast(-708.0)), broadcast(709.0)));
  const Pack value = e.two_to_n * (e.r + e.r * e.r * e.tail) + (e.two_to_n - 1.0);
  return select(x > 709.0, broadcast(infinity), value);
}

/// e^x - 1 - x, with all its digits near 0.
FILBERT_INLINE Pack expm1_less_x(Pack x) {
  const ReducedExponential e = reduce_exponential(minimum(maximum(x, broadcast(-708.0)), broadcast(709.0)));
  const Pack near = x * x * e.tail;  // where n is 0, r is x
  const Pack far = (e.two_to_n * (e.r + e.r * e.r * e.tail) + (e.two_to_n - 1.0)) - x;
  return select(x > 709.0, broadcast(infinity), select(absolute(x) < 0.34, near, far));
}

/// log x for x >= 0.
FILBERT_INLINE Pack logarithm(Pack x) {
  const Mask tiny = x < 0x1p-1022;
  const Pack normal = select(tiny, x * 0x1p54, x);
  // Exponent n and mantissa in [√½, √2); the constant keeps the shifted number positive, so that it needs no sign.
  const Bits bits = as_bits(normal);
  const Bits biased = shift_right(bits - broadcast_bits(0x3fe6a09e667f3bcd) + broadcast_bits(0x4000000000000000), 52);
  const Pack mantissa = as_double(bits - ((biased - broadcast_bits(1024)) << 52));
  const Pack n = as_double(biased | as_bits(broadcast(0x1p52))) - (0x1p52 + 1024.0) -
                 select(tiny, broadcast(54.0), broadcast(0.0));
  const Pack f = mantissa - 1.0;
  const Pack s = f / (2.0 + f);
  const Pack w = s * s;
  // log(1 + f) = f - s (f - w P(w)): f is exact, and what is taken from it small.
  const Pack small = s * (f - w * polynomial(log_coefficients, w)) - n * ln2_low;
  const Pack value = n * ln2_high + (f - small);
  return select(x > 0.0, select(x < infinity, value, broadcast(infinity)), broadcast(-infinity));
}

/// log(1 + x) for x in [0, 1], with all its digits near 0.
FILBERT_INLINE Pack log1p_unit(Pack x) {
  const Pack s = x / (2.0 + x);
  return s * polynomial(log1p_coefficients, s * s);
}

/// log(1 + x) for x > -1, with all its digits near 0.
FILBERT_INLINE Pack log1p(Pack x) {
  const Pack u = 1.0 + x;
  const Pack lost = select(u < 0x1p60, (x - (u - 1.0)) / u, broadcast(0.0));  // by rounding u
  return logarithm(u) + lost;
}

/// log(a / b) where `difference` is a - b to all its digits.
FILBERT_INLINE Pack log_ratio(Pack a, Pack b, Pack difference) {
  const Pack x = difference / b;
  const Mask near = absolute(x) < 0.5;
  const Pack u = select(near, 1.0 + x, a / b);
  const Pack lost = select(near, (x - (u - 1.0)) / u, broadcast(0.0));
  return logarithm(u) + lost;
}

/// log(1 - e^-a) for a > 0.
FILBERT_INLINE Pack log1m_exp(Pack a) {
  const Pack e = -expm1(-a);
  const Mask near = a < 0.6931471805599453;
  return logarithm(select(near, e, broadcast(1.0))) + log1p(select(near, broadcast(0.0), e - 1.0));
}

/// e^(x²) erfc(x) for x >= 0.
FILBERT_INLINE Pack erfcx(Pack x) {
  const Pack t = (x - 4.0) / (x + 4.0);
  return polynomial(erfcx_coefficients, t) / (1.0 + 2.0 * x);
}

// ---- Gamma functions. Below 8 the argument is moved up by 8, which leaves the product x (x + 1) … (x + 7) and its derivatives.

constexpr double gamma_edge = 8;

struct RisingProduct {
  Pack value, slope, curvature;
};

FILBERT_INLINE RisingProduct rising_product(Pack x) {
  RisingProduct p = {x, broadcast(1.0), broadcast(0.0)};
  for (int k = 1; k < 8; ++k) {
    const Pack factor = x + static_cast<double>(k);
    p.curvature = p.curvature * factor + 2.0 * p.slope;
    p.slope = p.slope * factor + p.value;
    p.value = p.value * factor;
  }
  return p;
}

/// Where x < 8, the product's logarithm and its derivatives, and 0 elsewhere; `at` is the argument moved up.
struct Raised {
  Pack at, log_product, log_slope, log_curvature;
};

FILBERT_INLINE Raised raise(Pack x, Mask low) {
  const RisingProduct p = rising_product(select(low, x, broadcast(1.0)));
  const Pack none = broadcast(0.0);
  const Pack slope = p.slope / p.value;
  return {select(low, x + gamma_edge, x), select(low, logarithm(p.value), none), select(low, slope, none),
          select(low, p.curvature / p.value - slope * slope, none)};
}

FILBERT_INLINE Pack stirling_error_far(Pack x) {
  const Pack inverse = 1.0 / x;
  return inverse * polynomial(stirling_coefficients, inverse * inverse);
}

/// digamma(x) - log x for x >= 8.
FILBERT_INLINE Pack digamma_less_log_far(Pack x) {
  const Pack inverse = 1.0 / x;
  const Pack w = inverse * inverse;
  return -0.5 * inverse - w * polynomial(digamma_coefficients, w);
}

/// trigamma(x) - 1/x for x >= 8.
FILBERT_INLINE Pack trigamma_rest_far(Pack x) {
  const Pack inverse = 1.0 / x;
  const Pack w = inverse * inverse;
  return 0.5 * w + w * inverse * polynomial(trigamma_coefficients, w);
}

/// log Γ(x) less Stirling's (x - ½) log x - x + ½ log 2π.
FILBERT_INLINE Pack stirling_error(Pack x, Pack log_x) {
  const Mask low = x < gamma_edge;
  const Raised up = raise(x, low);
  const Pack far = stirling_error_far(up.at);
  const Pack near = (up.at - 0.5) * logarithm(up.at) - gamma_edge - up.log_product - (x - 0.5) * log_x + far;
  return select(low, near, far);
}

/// digamma(x) - log x.
FILBERT_INLINE Pack digamma_less_log(Pack x, Pack log_x) {
  const Mask low = x < gamma_edge;
  const Raised up = raise(x, low);
  const Pack far = digamma_less_log_far(up.at);
  return select(low, far + logarithm(up.at) - log_x - up.log_slope, far);
}

FILBERT_INLINE Pack trigamma(Pack x) {
  const Raised up = raise(x, x < gamma_edge);
  return 1.0 / up.at + trigamma_rest_far(up.at) - up.log_curvature;
}

/// log Γ(a + y) - log Γ(a), and its first two derivatives in a, for a > 0 and y >= 0; none of them cancels for large a.
struct GammaDifference {
  Pack value, slope, curvature;
};

FILBERT_INLINE GammaDifference gamma_difference(Pack a, Pack y) {
  const Mask low = a < gamma_edge;
  const Raised from = raise(a, low);
  const Raised to = raise(a + y, low);
  const Pack end = from.at + y;
  const Pack log_ratio_of_ends = log1p(y / from.at);
  GammaDifference d{};
  d.value = (from.at - 0.5) * log_ratio_of_ends + (y * logarithm(end) - y) +
            (stirling_error_far(end) - stirling_error_far(from.at)) - (to.log_product - from.log_product);
  d.slope =
      log_ratio_of_ends + (digamma_less_log_far(end) - digamma_less_log_far(from.at)) - (to.log_slope - from.log_slope);
  d.curvature = -y / (from.at * end) + (trigamma_rest_far(end) - trigamma_rest_far(from.at)) -
                (to.log_curvature - from.log_curvature);
  return d;
}

}  // namespace filbert::kernels::FILBERT_INSTRUCTION_SET
