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

}  // namespace

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
