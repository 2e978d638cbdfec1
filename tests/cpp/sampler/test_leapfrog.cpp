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

/// Says that it is near a standard normal, and need not be.
template <typename Density>
struct SaidNormal : Density {
  static constexpr bool is_near_standard_normal = true;
};

template <typename Density>
SaidNormal<Density> said_normal(const Density& density) {
  return {density};
}

/// The errors in energy of single steps from draws of the density, a standard normal but for `density`: their standard deviation.
template <typename Density>
double spread_of_errors(Density density, double step_size) {
  const DiagonalMetric metric(density.dimension());
  PhasePoint end(density.dimension());
  double sum = 0;
  constexpr int steps = 200;
  for (int i = 0; i < steps; ++i) {
    const PhasePoint start = random_point(density, 100 + static_cast<std::uint64_t>(i));
    leapfrog(density, metric, step_size, start, end);
    sum += (end.energy - start.energy) * (end.energy - start.energy);
  }
  return std::sqrt(sum / steps);
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

TEST_CASE("On a normal of the metric's scales steps of any length turn exactly, and those of a leapfrog do not") {
  const Eigen::Index d = 5;
  const DiagonalMetric metric = uneven_metric(d);
  auto density = said_normal(ScaledNormal{metric.scale});
  const PhasePoint start = random_point(density, 7);
  for (const double step_size : {0.3, 1.0, 1.5, -0.7}) {
    CAPTURE(step_size);
    PhasePoint end(d), by_leapfrog(d);
    leapfrog(density, metric, step_size, start, end);
    const Eigen::VectorXd position =
        std::cos(step_size) * start.position + std::sin(step_size) * metric.scale.cwiseProduct(start.momentum);
    const Eigen::VectorXd momentum =
        std::cos(step_size) * start.momentum - std::sin(step_size) * start.position.cwiseQuotient(metric.scale);
    CHECK((end.position - position).norm() < 1e-13);
    CHECK((end.momentum - momentum).norm() < 1e-13);
    CHECK(end.energy == doctest::Approx(start.energy).epsilon(1e-13));
    CHECK(end.index_in_trajectory == (step_size < 0 ? -1 : 1));
    ScaledNormal plain{metric.scale};
    leapfrog(plain, metric, step_size, start, by_leapfrog);
    CHECK(std::abs(by_leapfrog.energy - start.energy) > 1e-4);
  }
}

TEST_CASE("Whatever a density that says it is near a normal is like, steps are reversible and keep volume") {
  auto density = said_normal(QuarticWell{1});
  const DiagonalMetric metric = uneven_metric(1);
  const PhasePoint start = random_point(density, 8);
  const PhasePoint there = after_steps(density, metric, 0.4, 20, start);
  const PhasePoint back = after_steps(density, metric, -0.4, 20, there);
  CHECK((there.position - start.position).norm() > 0.01);
  CHECK((back.position - start.position).norm() < 1e-11);
  CHECK((back.momentum - start.momentum).norm() < 1e-11);
  const auto moved = [&](double position_shift, double momentum_shift) {
    PhasePoint point = start;
    point.position[0] += position_shift;
    point.momentum[0] += momentum_shift;
    point.log_density = density(point.position, point.gradient);
    const PhasePoint end = after_steps(density, metric, 0.4, 10, point);
    return Eigen::Vector2d(end.position[0], end.momentum[0]);
  };
  const double h = 1e-6;
  const Eigen::Vector2d by_position = (moved(h, 0) - moved(-h, 0)) / (2 * h);
  const Eigen::Vector2d by_momentum = (moved(0, h) - moved(0, -h)) / (2 * h);
  CHECK(by_position[0] * by_momentum[1] - by_position[1] * by_momentum[0] == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("Steps along a normal have an energy error of second order where the density is not one") {
  auto density = said_normal(QuarticWell{5});
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

TEST_CASE("Near a normal a step errs far less than a leapfrog, far from one hardly more") {
  const ScaledNormal near{Eigen::VectorXd::LinSpaced(50, 0.9, 1.1)};
  CHECK(spread_of_errors(said_normal(near), 0.8) < 0.4 * spread_of_errors(near, 0.8));
  for (const double step_size : {0.2, 0.5, 1.0}) {
    const StudentT heavy{20, 2};
    CHECK(spread_of_errors(said_normal(heavy), step_size) < 1.5 * spread_of_errors(heavy, step_size));
    const ScaledNormal narrow{Eigen::VectorXd::Constant(20, 0.3)};
    CHECK(spread_of_errors(said_normal(narrow), step_size) < 1.5 * spread_of_errors(narrow, step_size));
  }
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
