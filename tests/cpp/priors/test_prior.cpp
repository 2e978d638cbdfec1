// Each prior integrates to one, has the derivative it says, and keeps both when its unit changes.
#include "filbert/priors/prior.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <numbers>
#include <span>
#include <stdexcept>
#include <vector>

using filbert::GaussianProxy;
using filbert::LogDensityAt;
using filbert::Prior;

namespace {

struct Named {
  const char* name;
  Prior prior;
};

std::vector<Named> proper_priors() {
  return {{"Normal", Prior::normal(1, 2)},
          {"StudentT", Prior::student_t(3, -1, 0.5)},
          {"Cauchy", Prior::cauchy(0.5, 2)},
          {"Laplace", Prior::laplace(1, 0.7)},
          {"Uniform", Prior::uniform(-1, 3)},
          {"HalfNormal", Prior::half_normal(2)},
          {"HalfStudentT", Prior::half_student_t(4, 1.5)},
          {"HalfCauchy", Prior::half_cauchy(2.5)},
          {"Exponential", Prior::exponential(0.5)},
          {"Gamma", Prior::gamma(2.5, 1.5)},
          {"InverseGamma", Prior::inverse_gamma(3, 2)}};
}

/// ∫ density over its support, by tan substitution, which reaches the tails of a Cauchy.
double integral(const Prior& prior) {
  constexpr int points = 2'000'000;
  double sum = 0;
  for (int i = 0; i < points; ++i) {
    const double angle = (i + 0.5) / points * M_PI - M_PI / 2;
    const double x = std::tan(angle);
    sum += std::exp(prior(x).value) * (1 + x * x);
  }
  return sum * M_PI / points;
}

std::vector<double> points_inside(const Prior& prior) {
  std::vector<double> inside;
  for (const double x : {-7.3, -1.4, -0.3, 0.2, 0.9, 2.1, 11.0}) {
    if (prior.support().contains(x)) inside.push_back(x);
  }
  return inside;
}

}  // namespace

TEST_CASE("every proper prior integrates to one") {
  for (const auto& [name, prior] : proper_priors()) {
    CAPTURE(name);
    CHECK(integral(prior) == doctest::Approx(1).epsilon(1e-5));
  }
}

TEST_CASE("the derivative of a log density is its slope") {
  for (const auto& [name, prior] : proper_priors()) {
    for (const double x : points_inside(prior)) {
      CAPTURE(name);
      CAPTURE(x);
      const double step = 1e-6 * std::max(1.0, std::abs(x));
      const double slope = (prior(x + step).value - prior(x - step).value) / (2 * step);
      CHECK(prior(x).derivative == doctest::Approx(slope).epsilon(1e-6));
    }
  }
}

TEST_CASE("outside its support a prior has density zero") {
  const double minus_infinity = -std::numeric_limits<double>::infinity();
  CHECK(Prior::half_normal(1)(-0.1).value == minus_infinity);
  CHECK(Prior::uniform(0, 1)(1.1).value == minus_infinity);
  CHECK(Prior::inverse_gamma(1, 1)(0).value == minus_infinity);
  CHECK(Prior::half_flat()(-1e-300).value == minus_infinity);
}

TEST_CASE("a change of unit moves density and derivative by its factor") {
  for (const auto& [name, prior] : proper_priors()) {
    for (const double factor : {0.25, 1024.0, 3e-100}) {
      for (const double x : points_inside(prior)) {
        CAPTURE(name);
        CAPTURE(factor);
        const LogDensityAt here = prior(x);
        const LogDensityAt there = prior.scaled(factor)(factor * x);
        CHECK(there.value == doctest::Approx(here.value - std::log(factor)).epsilon(1e-12));
        CHECK(there.derivative * factor == doctest::Approx(here.derivative).epsilon(1e-12));
      }
    }
  }
}

TEST_CASE("only a Gaussian or a flat prior on the whole line is its own proxy") {
  CHECK(Prior::normal(1, 2).is_gaussian());
  CHECK(Prior::flat().is_gaussian());
  CHECK_FALSE(Prior::half_normal(1).is_gaussian());
  CHECK_FALSE(Prior::uniform(-1, 1).is_gaussian());
  const GaussianProxy proxy = Prior::normal(1, 2).proxy(17);
  CHECK(proxy.mean == 1);
  CHECK(proxy.precision == doctest::Approx(0.25));
  CHECK(Prior::flat().proxy(3).precision == 0);
}

TEST_CASE("the proxies of Student's t and Laplace touch the log density at the given point") {
  for (const Prior& prior : {Prior::student_t(3, 1, 0.5), Prior::cauchy(1, 2), Prior::laplace(1, 0.1)}) {
    const double at = 4;
    const GaussianProxy proxy = prior.proxy(at);
    CHECK(proxy.precision > 0);
    CHECK(-proxy.precision * (at - proxy.mean) == doctest::Approx(prior(at).derivative).epsilon(1e-12));
  }
}

TEST_CASE("every proper prior has a proxy of positive precision") {
  for (const auto& [name, prior] : proper_priors()) {
    CAPTURE(name);
    for (const double at : {-3.0, 0.0, 5.0}) CHECK(prior.proxy(at).precision > 0);
  }
}

TEST_CASE("at the limits of doubles densities keep their digits") {
  CHECK(Prior::laplace(0, 1e308)(5).value ==
        doctest::Approx(-std::numbers::ln2 - 308 * std::numbers::ln10).epsilon(1e-14));
  const double at_zero = Prior::normal(0, 1)(0).value;
  CHECK(Prior::student_t(9999, 0, 1)(0).value == doctest::Approx(at_zero - 0.25 / 9999).epsilon(1e-10));
  CHECK(Prior::student_t(10001, 0, 1)(0).value == doctest::Approx(at_zero - 0.25 / 10001).epsilon(1e-10));
  for (const double nu : {1e9, 1e160, 1.7e308}) {  // a normal
    CAPTURE(nu);
    for (const double x : {-3.0, 0.5, 10.0}) {
      const filbert::SmoothLogDensity given = Prior::student_t(nu, 0.1, 2).smooth(x);
      const filbert::SmoothLogDensity normal = Prior::normal(0.1, 2).smooth(x);
      CHECK(given.value == doctest::Approx(normal.value).epsilon(1e-7));
      CHECK(given.first == doctest::Approx(normal.first).epsilon(1e-7));
      CHECK(given.second == doctest::Approx(normal.second).epsilon(1e-7));
      CHECK(std::abs(given.third) < 1e-7);
    }
  }
}

TEST_CASE("parameters out of range are refused by name") {
  CHECK_THROWS_WITH_AS(Prior::normal(0, -1), "Normal: sigma must be positive and finite, not -1",
                       std::invalid_argument);
  CHECK_THROWS_AS(Prior::normal(std::nan(""), 1), std::invalid_argument);
  CHECK_THROWS_AS(Prior::uniform(2, 1), std::invalid_argument);
  CHECK_THROWS_AS(Prior::student_t(0, 0, 1), std::invalid_argument);
  CHECK_THROWS_AS(Prior::half_cauchy(0), std::invalid_argument);
}

TEST_CASE("priors can be asked for by name, and the table says which parameters they take") {
  CHECK(Prior::table().size() == 13);
  for (const filbert::NamedPrior& row : Prior::table()) {
    CAPTURE(row.name);
    const std::vector<double> values{2.5, 3.5, 4.5};
    const auto right = std::span(values).first(row.parameters.size());
    CHECK(Prior::named(row.name, right)(3).value == row.make(right)(3).value);
    CHECK_THROWS_AS(Prior::named(row.name, std::vector<double>(row.parameters.size() + 1, 1)), std::invalid_argument);
  }
  CHECK(Prior::named("StudentT", std::vector<double>{3, 1, 2})(0.7).value == Prior::student_t(3, 1, 2)(0.7).value);
  CHECK_THROWS_WITH_AS(Prior::named("Normal", std::vector<double>{1}), "Normal takes 2 parameters (mu, sigma), not 1",
                       std::invalid_argument);
  CHECK_THROWS_AS(Prior::named("Gaussian", {}), std::invalid_argument);
}
