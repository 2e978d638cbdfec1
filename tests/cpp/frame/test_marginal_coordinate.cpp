// The map carries a standard normal onto the density it was made for, stays in its support, and knows its own slope.
#include "filbert/frame/marginal_coordinate.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <stdexcept>
#include <vector>

using filbert::MarginalCoordinate;
using filbert::Support;

namespace {

struct Target {
  const char* name;
  Support support;
  std::function<double(double)> log_density;
};

const double infinity = std::numeric_limits<double>::infinity();

std::vector<Target> targets() {
  const auto normal = [](double mean, double sd) {
    return [=](double x) { return -0.5 * (x - mean) * (x - mean) / (sd * sd); };
  };
  return {{"normal", {}, normal(3, 2)},
          {"narrow normal", {}, normal(-20, 1e-4)},
          {"log of sigma with two degrees of freedom", {}, [](double x) { return -2 * x - 0.5 * std::exp(-2 * x); }},
          {"half normal", {0, infinity}, normal(0, 3)},
          {"normal cut far below its mean", {1, infinity}, normal(-5, 1)},
          {"normal cut above", {-infinity, 0.5}, normal(0, 1)},
          {"half Cauchy far below a unit of its support",
           {0, infinity},
           [](double x) { return -std::log1p(x * x * 1e80); }},
          {"normal between two edges", {-1, 0.5}, normal(2, 1)},
          {"gamma that is infinite at its edge", {0, infinity}, [](double x) { return -0.5 * std::log(x) - x; }}};
}

}  // namespace

TEST_CASE("under the map the density is that of a standard normal") {
  for (const auto& [name, support, log_density] : targets()) {
    CAPTURE(name);
    const MarginalCoordinate coordinate(support, log_density);
    const auto at_zeta = [&](double zeta) {
      const MarginalCoordinate::At at = coordinate(zeta);
      return log_density(at.value) + at.log_slope;
    };
    for (double zeta = -4; zeta <= 4; zeta += 0.37) {
      CHECK(at_zeta(zeta) - at_zeta(0) == doctest::Approx(-0.5 * zeta * zeta).epsilon(5e-3).scale(1));
    }
  }
}

TEST_CASE("slope and curvature of the map are those of finite differences") {
  for (const auto& [name, support, log_density] : targets()) {
    CAPTURE(name);
    const MarginalCoordinate coordinate(support, log_density);
    for (double zeta = -5.013; zeta <= 5; zeta += 0.7321) {  // between knots: the curvature jumps at them
      constexpr double step = 1e-5;
      const double slope = (coordinate(zeta + step).value - coordinate(zeta - step).value) / (2 * step);
      CHECK(std::exp(coordinate(zeta).log_slope) == doctest::Approx(slope).epsilon(1e-4));
      const double of_log = (coordinate(zeta + step).log_slope - coordinate(zeta - step).log_slope) / (2 * step);
      CHECK(coordinate(zeta).slope_of_log == doctest::Approx(of_log).epsilon(1e-3).scale(1));
    }
  }
}

TEST_CASE("the map rises everywhere, and does not leave the support") {
  for (const auto& [name, support, log_density] : targets()) {
    CAPTURE(name);
    const MarginalCoordinate coordinate(support, log_density);
    double before = -infinity;
    for (double zeta = -6; zeta <= 6; zeta += 0.01) {
      const double value = coordinate(zeta).value;
      CHECK(value >= before);
      CHECK(value >= support.lower);
      CHECK(value <= support.upper);
      before = value;
    }
  }
}

TEST_CASE("a density that is finite nowhere is refused") {
  const auto nowhere = [](double) { return -infinity; };
  CHECK_THROWS_AS(MarginalCoordinate({}, nowhere), std::range_error);
  CHECK_THROWS_AS(MarginalCoordinate({0, infinity}, nowhere), std::range_error);
}

TEST_CASE("beyond the table the map goes on as a straight line of θ") {
  const MarginalCoordinate coordinate({}, [](double x) { return -0.5 * x * x; });
  CHECK(coordinate(9).value == doctest::Approx(9).epsilon(0.02));
  CHECK(coordinate(-9).value == doctest::Approx(-9).epsilon(0.02));
  CHECK(coordinate(9).slope_of_log == 0);
}
