#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "densities.hpp"
#include "filbert/sampler/leapfrog.hpp"
#include "filbert/sampler/rng.hpp"

using namespace filbert;
using namespace filbert::testing;

namespace {

template <typename Density>
PhasePoint random_point(Density& density, std::uint64_t seed) {
  Rng rng(seed);
  PhasePoint point(density.dimension());
  for (double& coordinate : point.position) coordinate = rng.normal();
  for (double& coordinate : point.momentum) coordinate = rng.normal();
  point.log_density = density(point.position, point.gradient);
  point.update_energy();
  return point;
}

DiagonalMetric uneven_metric(Eigen::Index dimension) {
  DiagonalMetric metric(dimension);
  for (Eigen::Index i = 0; i < dimension; ++i) metric.scale[i] = 0.5 + 0.25 * static_cast<double>(i);
  return metric;
}

template <typename Density>
PhasePoint after_steps(Density& density, const DiagonalMetric& metric, double step_size, int steps, PhasePoint point) {
  PhasePoint next(density.dimension());
  for (int i = 0; i < steps; ++i) {
    leapfrog(density, metric, step_size, point, next);
    std::swap(point, next);
  }
  return point;
}

}  // namespace

TEST_CASE("One step is the textbook's, in momenta of the metric's units") {
  StandardNormal density{1};
  DiagonalMetric metric(1);
  metric.scale[0] = 2;
  PhasePoint start(1);
  start.position[0] = 1;
  start.momentum[0] = 0.5;
  start.log_density = density(start.position, start.gradient);
  PhasePoint end(1);
  leapfrog(density, metric, 0.1, start, end);
  // With M = 1/4 and p = r/2: p½ = 0.25 - 0.05, q' = 1 + 0.1·4·0.2, p' = 0.2 - 0.05·1.08, and r' = 2p'.
  CHECK(end.position[0] == doctest::Approx(1.08).epsilon(1e-14));
  CHECK(end.momentum[0] == doctest::Approx(2 * (0.2 - 0.05 * 1.08)).epsilon(1e-14));
  CHECK(end.log_density == doctest::Approx(-0.5 * 1.08 * 1.08).epsilon(1e-14));
  CHECK(end.energy == doctest::Approx(0.5 * end.momentum.squaredNorm() - end.log_density).epsilon(1e-14));
}

TEST_CASE("The leapfrog is reversible") {
  QuarticWell density{5};
  const DiagonalMetric metric = uneven_metric(5);
  const PhasePoint start = random_point(density, 1);
  const PhasePoint there = after_steps(density, metric, 0.1, 50, start);
  CHECK(there.index_in_trajectory == 50);
  CHECK((there.position - start.position).norm() > 0.1);
  const PhasePoint back = after_steps(density, metric, -0.1, 50, there);
  CHECK(back.index_in_trajectory == 0);
  CHECK((back.position - start.position).norm() < 1e-12);
  CHECK((back.momentum - start.momentum).norm() < 1e-12);
  CHECK(back.energy == doctest::Approx(start.energy).epsilon(1e-13));
}

TEST_CASE("The leapfrog's energy error falls as the square of the step size") {
  QuarticWell density{5};
  const DiagonalMetric metric = uneven_metric(5);
  const PhasePoint start = random_point(density, 2);
  const auto energy_error = [&](double step_size) {
    return after_steps(density, metric, step_size, static_cast<int>(std::lround(1 / step_size)), start).energy -
           start.energy;
  };
  for (const double step_size : {0.02, 0.01, 0.005}) {
    CHECK(energy_error(step_size) / energy_error(step_size / 2) == doctest::Approx(4).epsilon(0.02));
  }
}

TEST_CASE("The leapfrog preserves volume") {
  QuarticWell density{1};
  const DiagonalMetric metric = uneven_metric(1);
  const PhasePoint start = random_point(density, 3);
  const auto moved = [&](double position_shift, double momentum_shift) {
    PhasePoint point = start;
    point.position[0] += position_shift;
    point.momentum[0] += momentum_shift;
    point.log_density = density(point.position, point.gradient);
    const PhasePoint end = after_steps(density, metric, 0.3, 10, point);
    return Eigen::Vector2d(end.position[0], end.momentum[0]);
  };
  const double h = 1e-6;
  const Eigen::Vector2d by_position = (moved(h, 0) - moved(-h, 0)) / (2 * h);
  const Eigen::Vector2d by_momentum = (moved(0, h) - moved(0, -h)) / (2 * h);
  CHECK(by_position[0] * by_momentum[1] - by_position[1] * by_momentum[0] == doctest::Approx(1).epsilon(1e-7));
}

TEST_CASE("A density that is not finite makes an energy that is not finite") {
  const DiagonalMetric metric(2);
  for (const double beyond : {std::numeric_limits<double>::quiet_NaN(), -std::numeric_limits<double>::infinity()}) {
    TruncatedNormal density{2, beyond};
    PhasePoint start(2);
    start.momentum[0] = 3;
    PhasePoint end(2);
    leapfrog(density, metric, 1.0, start, end);
    CHECK_FALSE(std::isfinite(end.energy));
  }
}
