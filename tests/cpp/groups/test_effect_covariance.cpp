// Factors are those of correlation matrices, slopes are differences, and the LKJ density is one on the matrix.
#include "filbert/groups/effect_covariance.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "filbert/sampler/rng.hpp"

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::EffectCovariance;

namespace {

VectorXd random(Index size, std::uint64_t seed) {
  filbert::Rng rng(seed, 0);
  VectorXd values(size);
  for (double& value : values) value = rng.normal();
  return values;
}

MatrixXd correlation_factor(const EffectCovariance& covariance, const VectorXd& w) {
  MatrixXd factor(covariance.effects(), covariance.effects());
  covariance.factor(VectorXd::Ones(covariance.effects()), w, factor);
  return factor;
}

/// Log density of w up to a constant by the definition: det(R)^(eta - 1), times the Jacobian from w to R by differences.
double lkj_by_definition(const EffectCovariance& covariance, double eta, const VectorXd& w) {
  const Index n = covariance.correlations();
  MatrixXd jacobian(n, n);
  VectorXd above(n), below(n);
  MatrixXd factor(covariance.effects(), covariance.effects());
  for (Index k = 0; k < n; ++k) {
    covariance.correlations_of(w + 1e-5 * VectorXd::Unit(n, k), factor, above);
    covariance.correlations_of(w - 1e-5 * VectorXd::Unit(n, k), factor, below);
    jacobian.col(k) = (above - below) / 2e-5;
  }
  const double log_determinant = 2 * correlation_factor(covariance, w).diagonal().array().log().sum();
  return (eta - 1) * log_determinant + std::log(std::abs(jacobian.determinant()));
}

double lkj(const EffectCovariance& covariance, double eta, const VectorXd& w) {
  VectorXd unused = VectorXd::Zero(w.size());
  return EffectCovariance(covariance.effects(), covariance.is_correlated(), eta).lkj(w, unused);
}

}  // namespace

TEST_CASE("the factor is that of a covariance with the given deviations, and the correlations are its own") {
  const EffectCovariance covariance(4, true);
  const VectorXd w = random(6, 1);
  const VectorXd deviations = (VectorXd(4) << 0.5, 2, 0, 3).finished();
  MatrixXd factor(4, 4);
  covariance.factor(deviations, w, factor);
  CHECK(factor.isLowerTriangular());
  CHECK((factor.rowwise().norm() - deviations).norm() < 1e-14);
  VectorXd correlations(6);
  covariance.correlations_of(w, factor, correlations);
  CHECK((factor - correlation_factor(covariance, w)).norm() < 1e-14);
  const MatrixXd R = correlation_factor(covariance, w) * correlation_factor(covariance, w).transpose();
  const double pairs[6] = {R(0, 1), R(0, 2), R(0, 3), R(1, 2), R(1, 3), R(2, 3)};
  for (Index k = 0; k < 6; ++k) CHECK(correlations(k) == doctest::Approx(pairs[k]));
}

TEST_CASE("slopes of the factor are those of differences, with a deviation of zero too") {
  for (const bool correlated : {true, false}) {
    const EffectCovariance covariance(4, correlated);
    const Index n = covariance.correlations();
    const VectorXd w = random(n, 2);
    const VectorXd deviations = (VectorXd(4) << 0.5, 2, 0, 3).finished();
    const MatrixXd weights = random(16, 3).reshaped(4, 4);
    const auto value = [&](const VectorXd& sd, const VectorXd& at) {
      MatrixXd factor(4, 4);
      covariance.factor(sd, at, factor);
      return (factor.array() * weights.array()).sum();
    };
    VectorXd deviation_slopes(4), w_slopes(n);
    covariance.factor_slopes(deviations, w, weights, deviation_slopes, w_slopes);
    for (Index k = 0; k < 4; ++k) {
      const VectorXd step = 1e-5 * VectorXd::Unit(4, k);
      const double slope = (value(deviations + step, w) - value(deviations - step, w)) / 2e-5;
      CHECK(deviation_slopes(k) == doctest::Approx(slope).epsilon(1e-8).scale(1));
    }
    for (Index k = 0; k < n; ++k) {
      const VectorXd step = 1e-5 * VectorXd::Unit(n, k);
      const double slope = (value(deviations, w + step) - value(deviations, w - step)) / 2e-5;
      CHECK(w_slopes(k) == doctest::Approx(slope).epsilon(1e-8).scale(1));
    }
  }
}

TEST_CASE("LKJ is a density on the correlation matrix, with its constants") {
  const double pi = std::numbers::pi;
  const VectorXd w = random(10, 5);
  for (const double eta : {1.0, 2.0, 4.5}) {  // two effects: 1 / (2^(2 eta - 1) B(eta, eta))
    const EffectCovariance two(2, true);
    const double constant = -(2 * eta - 1) * std::log(2.0) - 2 * std::lgamma(eta) + std::lgamma(2 * eta);
    CHECK(lkj(two, eta, w.head(1)) == doctest::Approx(lkj_by_definition(two, eta, w.head(1)) + constant).epsilon(1e-8));
  }
  const EffectCovariance three(3, true);  // with eta = 1: 2 / π²
  CHECK(lkj(three, 1, w.head(3)) ==
        doctest::Approx(lkj_by_definition(three, 1, w.head(3)) + std::log(2 / (pi * pi))).epsilon(1e-8));
  for (const Index effects : {4, 5}) {  // the ratio of the two is a constant: the same at any w
    const EffectCovariance many(effects, true);
    const Index n = many.correlations();
    const VectorXd other = random(n, 7);
    const double at_first = lkj(many, 2.5, w.head(n)) - lkj_by_definition(many, 2.5, w.head(n));
    const double at_second = lkj(many, 2.5, other) - lkj_by_definition(many, 2.5, other);
    CHECK(at_first == doctest::Approx(at_second).epsilon(1e-7));
    // A density on the factor instead lacks Π L_kk^(effects - k), k from 1, of its Jacobian: the ratio would move.
    const auto log_jacobian = [&](const VectorXd& at) {
      const MatrixXd factor = correlation_factor(many, at);
      double sum = 0;
      for (Index k = 0; k < effects; ++k) sum += static_cast<double>(effects - 1 - k) * std::log(factor(k, k));
      return sum;
    };
    CHECK(std::abs(at_first - log_jacobian(w.head(n)) - at_second + log_jacobian(other)) > 1e-2);
  }
}

TEST_CASE("the LKJ density integrates to one, has the slopes of differences, and is finite far out") {
  const EffectCovariance two(2, true);
  for (const double eta : {0.5, 1.0, 3.0}) {
    double sum = 0;
    for (double w = -40; w < 40; w += 0.01) sum += 0.01 * std::exp(lkj(two, eta, VectorXd::Constant(1, w)));
    CHECK(sum == doctest::Approx(1).epsilon(1e-8));
  }
  const EffectCovariance four(4, true, 1.7);
  const VectorXd w = random(6, 8);
  VectorXd slopes = VectorXd::Zero(6);
  four.lkj(w, slopes);
  for (Index k = 0; k < 6; ++k) {
    const VectorXd step = 1e-5 * VectorXd::Unit(6, k);
    const double slope = (lkj(four, 1.7, w + step) - lkj(four, 1.7, w - step)) / 2e-5;
    CHECK(slopes(k) == doctest::Approx(slope).epsilon(1e-8).scale(1));
  }
  CHECK(std::isfinite(lkj(four, 1.7, VectorXd::Constant(6, 400))));
}
