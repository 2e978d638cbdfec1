// The normal quantile: tabulated values, its inverse, its ends.
#include "filbert/numeric/normal_quantile.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <initializer_list>
#include <limits>

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("the normal quantile is exact at tabulated points and symmetric") {
  CHECK(filbert::normal_quantile(0.5) == 0);
  CHECK(filbert::normal_quantile(0.975) == doctest::Approx(1.9599639845400542355).epsilon(1e-15));
  CHECK(filbert::normal_quantile(0.1) == doctest::Approx(-1.2815515655446004).epsilon(2e-15));
  CHECK(filbert::normal_quantile(0.001) == doctest::Approx(-3.0902323061678132).epsilon(2e-15));
  CHECK(filbert::normal_quantile(1e-20) == doctest::Approx(-9.262340089798408).epsilon(2e-15));
  CHECK(filbert::normal_quantile(1e-300) == doctest::Approx(-37.047096299361199).epsilon(2e-15));
  for (const double p : {0.01, 0.075, 0.25, 0.4375}) {
    CHECK(filbert::normal_quantile(p) == doctest::Approx(-filbert::normal_quantile(1 - p)).epsilon(1e-14));
  }
}

TEST_CASE("the normal quantile inverts the distribution function") {
  for (double p = 1e-4; p < 1; p += 1e-4) {
    const double back = 0.5 * std::erfc(-filbert::normal_quantile(p) / std::sqrt(2.0));
    CHECK(back == doctest::Approx(p).epsilon(2e-14));
  }
}

TEST_CASE("the normal quantile is infinite at 0 and 1 and NaN outside") {
  CHECK(filbert::normal_quantile(0) == -infinity);
  CHECK(filbert::normal_quantile(1) == infinity);
  CHECK(std::isnan(filbert::normal_quantile(-0.1)));
  CHECK(std::isnan(filbert::normal_quantile(1.1)));
  CHECK(std::isnan(filbert::normal_quantile(not_a_number)));
}
