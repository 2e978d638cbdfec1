// The spline meets its points, its derivatives are its own, and smooth functions are met between the points.
#include "filbert/numeric/cubic_spline.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <vector>

using filbert::CubicSpline;

namespace {

const std::vector<double> points = {-3, -2.2, -1, -0.5, 0.3, 1.1, 2, 3.5};

CubicSpline sine() {
  std::vector<double> values;
  for (const double x : points) values.push_back(std::sin(x));
  return CubicSpline(points, values);
}

}  // namespace

TEST_CASE("A spline goes through its points") {
  for (const double x : points) CHECK(sine()(x).value == doctest::Approx(std::sin(x)).epsilon(1e-13));
  CHECK(std::abs(sine()(0.7).value - std::sin(0.7)) < 5e-3);
}

TEST_CASE("Slope and curvature of a spline are derivatives of its values, and join at the points") {
  const CubicSpline spline = sine();
  constexpr double step = 1e-5;
  for (double x = -4; x < 5; x += 0.0937) {
    const double numeric = (spline(x + step).value - spline(x - step).value) / (2 * step);
    CHECK(std::abs(spline(x).slope - numeric) < 1e-8);
    CHECK(std::abs(spline(x).curvature - (spline(x + step).slope - spline(x - step).slope) / (2 * step)) < 1e-6);
  }
  for (const double x : points) {
    CHECK(std::abs(spline(x - 1e-9).slope - spline(x + 1e-9).slope) < 1e-7);
    CHECK(std::abs(spline(x - 1e-9).curvature - spline(x + 1e-9).curvature) < 1e-7);
  }
}

TEST_CASE("Beyond its points a spline is straight") {
  const CubicSpline spline = sine();
  CHECK(spline(9).slope == spline(4).slope);
  CHECK(spline(9).curvature == 0);
  CHECK(spline(-9).value == doctest::Approx(spline(-4).value - 5 * spline(-4).slope));
}

TEST_CASE("Two points make a line, one a constant, none 0") {
  const CubicSpline line({1, 3}, {2, 6});
  CHECK(line(2).value == doctest::Approx(4));
  CHECK(line(-5).value == doctest::Approx(-10));
  CHECK(line.least_slope() == doctest::Approx(2));
  CHECK(CubicSpline({1}, {7})(3).value == 7);
  CHECK(CubicSpline()(3).value == 0);
}

TEST_CASE("The least slope is that of the steepest descent between the points") {
  const CubicSpline spline({0, 1, 2, 3}, {0, 1, 1.01, 2});
  double least = 1e9;
  for (double x = -1; x < 4; x += 1e-4) least = std::min(least, spline(x).slope);
  CHECK(spline.least_slope() == doctest::Approx(least).epsilon(1e-5));
  CHECK(spline.least_slope() < 0);
}

TEST_CASE("Points that do not rise, and values that are missing, are refused") {
  CHECK_THROWS_AS(CubicSpline({0, 0}, {1, 2}), std::invalid_argument);
  CHECK_THROWS_AS(CubicSpline({0, 1}, {1}), std::invalid_argument);
}
