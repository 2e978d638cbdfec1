// Bounds of third derivatives against the kernels' second derivatives.
#include "filbert/families/third_derivative.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "filbert/families/row_kernels.hpp"
#include "filbert/sampler/rng.hpp"

using namespace filbert;

namespace {

struct Case {
  Family family;
  Link link;
  double y, trials;
};

const std::vector<Case> cases = {
    {Family::Bernoulli, Link::Logit, 0, 1},   {Family::Bernoulli, Link::Logit, 1, 1},
    {Family::Bernoulli, Link::Probit, 0, 1},  {Family::Bernoulli, Link::Probit, 1, 1},
    {Family::Bernoulli, Link::Cloglog, 0, 1}, {Family::Bernoulli, Link::Cloglog, 1, 1},
    {Family::Binomial, Link::Logit, 3, 7},    {Family::Binomial, Link::Probit, 3, 7},
    {Family::Binomial, Link::Cloglog, 3, 7},  {Family::Poisson, Link::Log, 4, 1},
};

/// By a central difference of second derivatives, good to about 1e-9 of their size.
double third(const Case& row, double eta) {
  constexpr double step = 1e-4;
  const std::array<double, 2> etas = {eta + step, eta - step}, y = {row.y, row.y}, trials = {row.trials, row.trials};
  std::array<double, 2> d2{};
  row_kernels(row.family, row.link).single(2, etas.data(), y.data(), trials.data(), nullptr, {.d2 = d2.data()});
  return (d2[0] - d2[1]) / (2 * step);
}

/// The largest quotient of a third derivative and its bound over a fine grid of predictors.
double worst(const Case& row, double lower, double upper) {
  const ThirdDerivativeBound bound = *ThirdDerivativeBound::of(row.family, row.link);
  double result = 0;
  for (double eta = lower; eta < upper; eta += 1e-3) {
    result = std::max(result, (std::abs(third(row, eta)) - 1e-9 * row.trials) / bound(eta, 0, row.y, row.trials));
  }
  return result;
}

/// Numbers known to lie between two others. Rounding is left out: it is 1e-10 of the margins that are at stake here.
struct Interval {
  double low, high;
};
Interval operator+(Interval a, Interval b) { return {a.low + b.low, a.high + b.high}; }
Interval operator-(Interval a, double b) { return {a.low - b, a.high - b}; }
Interval operator-(Interval a, Interval b) { return {a.low - b.high, a.high - b.low}; }
Interval operator*(Interval a, Interval b) {
  const auto [low, high] = std::minmax({a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high});
  return {low, high};
}

/// Of log Φ(x) the third derivative is M ((x + M) (x + 2 M) - 1), where M = φ / Φ falls.
Interval third_of_log_normal(double from, double to) {
  const auto ratio = [](double x) {
    return std::exp(-0.5 * x * x) * 0.79788456080286535588 / std::erfc(-x * 0.70710678118654752440);
  };
  const Interval x{from, to}, M{ratio(to), ratio(from)};
  return M * ((x + M) * (x + M + M) - 1);
}

/// Of log(1 - e^-m) in η = log m it is r ((1 - m - r)² - m - r (1 - m - r)), where r = m / (e^m - 1) falls.
Interval third_of_log_cloglog(double from, double to) {
  const auto share = [](double m) { return m / std::expm1(m); };
  const Interval m{std::exp(from), std::exp(to)}, r{share(m.high), share(m.low)};
  const Interval rest = Interval{1, 1} - m - r;
  return r * (rest * rest - m - r * rest);
}

/// Whether a third derivative lies within a share of its bound all over an interval, halved until that can be seen.
template <typename Enclosure>
bool holds(const Enclosure& third, const ThirdDerivativeBound& bound, double share, double from, double to,
           int halvings = 30) {
  const Interval value = third(from, to);
  const double least = std::min(bound(from, 0, 1, 1), bound(to, 0, 1, 1));  // of a success they rise or fall throughout
  if (std::max(std::abs(value.low), std::abs(value.high)) <= share * least) return true;
  const double middle = 0.5 * (from + to);
  return halvings > 0 && holds(third, bound, share, from, middle, halvings - 1) &&
         holds(third, bound, share, middle, to, halvings - 1);
}

}  // namespace

TEST_CASE("The bounds hold everywhere, not only on a grid") {
  // Below -3.4: with t = -x, Sampford (1953) has s M < 1 and s < 1 / t for s = M - t, so M (s (s + M) - 1) < M s² < s < 0.2942. Above 8
  // it is at most 2 φ (x + 1)², which is less than e^-2x.
  const ThirdDerivativeBound probit = *ThirdDerivativeBound::of(Family::Bernoulli, Link::Probit);
  CHECK(holds(third_of_log_normal, probit, 1, -3.4, 8));
  CHECK(!holds(third_of_log_normal, probit, 0.995, -3.4, 1.9));  // the constant is no larger than it must be
  CHECK(!holds(third_of_log_normal, probit, 0.995, 2.2, 8));     // nor is that of e^-2x
  CHECK(probit(-3.4, 0, 1, 1) > 1 / 3.4);

  // Up to m = 1 it is -m/2 + m²/3 - m⁴/45 + ..., which alternates, with terms that fall, and lies within m / 2. Above m = 40 it is at most
  // e^-m (m + 3)³.
  const ThirdDerivativeBound cloglog = *ThirdDerivativeBound::of(Family::Bernoulli, Link::Cloglog);
  CHECK(holds(third_of_log_cloglog, cloglog, 1, std::log(0.9), std::log(40.0)));
  CHECK(!holds(third_of_log_cloglog, cloglog, 0.995, std::log(0.9), std::log(40.0)));
  CHECK(cloglog(std::log(0.9), 0, 1, 1) == cloglog(5, 0, 1, 1));
}

TEST_CASE("Third derivatives of rows lie within their bounds, which somewhere are next to them") {
  for (const Case& row : cases) {
    const double most = worst(row, -7, 5);
    CHECK(most <= 1 + 1e-6);
    CHECK(most > 0.4);
  }
}

TEST_CASE("A bound holds within its reach, and grows with it no faster than it says") {
  Rng rng(31);
  for (const Case& row : cases) {
    const ThirdDerivativeBound bound = *ThirdDerivativeBound::of(row.family, row.link);
    for (int repeat = 0; repeat < 2000; ++repeat) {
      const double eta = rng.uniform(-6, 4), reach = rng.uniform() * rng.uniform(0, 4), further = rng.uniform(0, 5);
      const double within = bound(eta, reach, row.y, row.trials);
      const double there = std::abs(third(row, eta + rng.uniform(-reach, reach)));
      CHECK(there <= within * (1 + 1e-6) + 1e-9 * row.trials * (1 + std::exp(eta + reach)));
      CHECK(bound(eta, reach + further, row.y, row.trials) <=
            within * std::exp(bound.growth() * further) * (1 + 1e-12));
    }
  }
}

TEST_CASE("Where no bound is known, none is given") {
  CHECK(!ThirdDerivativeBound::of(Family::Bernoulli, Link::Identity));
  CHECK(!ThirdDerivativeBound::of(Family::Poisson, Link::Sqrt));
  CHECK(!ThirdDerivativeBound::of(Family::NegativeBinomial, Link::Log));
  CHECK(!ThirdDerivativeBound::of(Family::Gamma, Link::Log));
}
