// A mixture of t has the density that it says, and adapts itself to a density that no single one fits.
#include "filbert/sampler/population_monte_carlo.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <vector>

#include "filbert/sampler/independence_pilot.hpp"

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::StudentMixture;
using filbert::WeightedPoints;

namespace {

StudentMixture two_components() {
  MatrixXd narrow(2, 2), wide(2, 2);
  narrow << 0.5, 0, 0.3, 0.2;
  wide << 2, 0, -1, 1.5;
  return StudentMixture({{0.3, Eigen::Vector2d(-2, 1), narrow}, {0.7, Eigen::Vector2d(1, 0), wide}});
}

/// A ring of radius 4 in the plane: its log density but a constant, which is `log_ring_mass`.
double log_ring(const VectorXd& point) {
  const double off = point.norm() - 4;
  return -0.5 * off * off / 0.16;
}
double log_ring_mass() { return std::log(2 * std::numbers::pi * 4 * 0.4 * std::sqrt(2 * std::numbers::pi)); }

WeightedPoints weighed(StudentMixture proposal, Index n, filbert::Rng& rng) {
  WeightedPoints drawn;
  drawn.points.resize(2, n);
  drawn.log_density.resize(n);
  VectorXd log_proposal(n);
  proposal.draw(rng, drawn.points, log_proposal);
  for (Index i = 0; i < n; ++i) drawn.log_density(i) = log_ring(drawn.points.col(i));
  drawn.log_weights = drawn.log_density - log_proposal;
  return drawn;
}

double acceptance(const WeightedPoints& drawn) { return filbert::judge_weights(drawn.log_weights, 0).acceptance; }

}  // namespace

TEST_CASE("draws of a mixture have its density: shares about each centre, and weights with a mean of one") {
  StudentMixture mixture = two_components();
  filbert::Rng rng(3, 0);
  constexpr Index n = 40000;
  MatrixXd points(2, n);
  VectorXd log_density(n);
  mixture.draw(rng, points, log_density);
  CHECK(mixture.log_density(points.col(7)) == log_density(7));
  // Against a normal density, of which the mixture is wider: its mass is one.
  const auto mass = [&](const VectorXd& log_proposal) {
    VectorXd weights(n);
    for (Index i = 0; i < n; ++i) {
      const Eigen::Vector2d off = points.col(i) - Eigen::Vector2d(0.5, 0.2);
      weights(i) = std::exp(-0.5 * off.squaredNorm() - log_proposal(i)) / (2 * std::numbers::pi);
    }
    const double error = std::sqrt((weights.array() - weights.mean()).square().mean() / static_cast<double>(n));
    return (weights.mean() - 1) / error;
  };
  CHECK(std::abs(mass(log_density)) < 4);
  std::vector<StudentMixture::Component> other = mixture.components();
  other[0].share = 0.7;
  other[1].share = 0.3;
  StudentMixture swapped(other);
  VectorXd wrong(n);
  for (Index i = 0; i < n; ++i) wrong(i) = swapped.log_density(points.col(i));
  CHECK(std::abs(mass(wrong)) > 5);
}

TEST_CASE("one t about 0 is the mixture of one component") {
  StudentMixture one(3);
  CHECK(one.components().size() == 1);
  const Eigen::Vector3d point(0.3, -1, 2);
  const double nu = StudentMixture::freedom, pi = std::numbers::pi;
  const double constant = std::lgamma(0.5 * (nu + 3)) - std::lgamma(0.5 * nu) - 1.5 * std::log(nu * pi);
  CHECK(one.log_density(point) ==
        doctest::Approx(constant - 0.5 * (nu + 3) * std::log1p(point.squaredNorm() / nu)).epsilon(1e-14));
}

TEST_CASE("a ring is not proposed by one t, and is by those that adapt to it, whose weights tell its mass") {
  filbert::Rng rng(1, 0);
  WeightedPoints points = weighed(StudentMixture(2), 2000, rng);
  CHECK(acceptance(points) < 0.2);
  StudentMixture mixture = filbert::mixture_about(points, rng);
  for (int round = 0; round < 8; ++round) {
    points = weighed(mixture, 1000, rng);
    mixture = filbert::improved(mixture, points);
  }
  CHECK(mixture.components().front().share == filbert::defensive_share);
  CHECK(mixture.components().front().factor == MatrixXd::Identity(2, 2));
  double shares = 0;
  for (const StudentMixture::Component& each : mixture.components()) shares += each.share;
  CHECK(shares == doctest::Approx(1).epsilon(1e-12));
  const WeightedPoints fresh = weighed(mixture, 20000, rng);
  CHECK(acceptance(fresh) > 0.6);
  const VectorXd weights = (fresh.log_weights.array() - log_ring_mass()).exp();
  const double error = std::sqrt((weights.array() - weights.mean()).square().mean() / 20000);
  CHECK(std::abs(weights.mean() - 1) < 4 * error + 1e-4);
}

TEST_CASE("points of which one has all the weight, or none has any, leave a mixture that can be drawn from") {
  filbert::Rng rng(5, 0);
  WeightedPoints points = weighed(StudentMixture(2), 50, rng);
  points.log_weights.setConstant(-std::numeric_limits<double>::infinity());
  points.log_weights(3) = 0;
  StudentMixture mixture = filbert::mixture_about(points, rng);
  MatrixXd drawn(2, 10);
  VectorXd log_density(10);
  mixture.draw(rng, drawn, log_density);
  CHECK(log_density.allFinite());
  filbert::improved(mixture, points).draw(rng, drawn, log_density);
  CHECK(log_density.allFinite());
}
