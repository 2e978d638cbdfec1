// The frame against the dense Gaussian that it diagonalises.
#include "filbert/frame/precision_frame.hpp"

#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <cmath>
#include <cstdint>

#include "filbert/frame/posterior_errors.hpp"
#include "filbert/sampler/rng.hpp"

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::GaussianRows;
using filbert::PrecisionFrame;

namespace {

constexpr Index rows = 9, free_size = 4, held_size = 2;

MatrixXd normal_matrix(Index n, Index p, std::uint64_t seed) {
  filbert::Rng rng(seed, 0);
  MatrixXd values(n, p);
  for (double& value : values.reshaped()) value = rng.normal();
  return values;
}

/// Held coefficients at `held` instead of at their reference values, which are 0.
GaussianRows make_rows(const VectorXd& held = VectorXd::Zero(held_size)) {
  GaussianRows gaussian{rows, normal_matrix(rows + free_size, free_size, 1),
                        normal_matrix(rows + free_size, held_size, 2), normal_matrix(rows + free_size, 1, 3), 0.7};
  gaussian.free.bottomRows(free_size) = MatrixXd::Identity(free_size, free_size) * 0.8;
  gaussian.target -= gaussian.held * held;
  return gaussian;
}

/// The Gaussian of the free coefficients where the likelihood has the weight t.
struct Dense {
  MatrixXd precision;
  VectorXd mean;
  double minus_twice_log;  // of the density with the coefficients integrated out, up to a constant

  Dense(const GaussianRows& gaussian, double t) {
    VectorXd weight = VectorXd::Ones(rows + free_size);
    weight.head(rows).setConstant(t);
    precision = gaussian.free.transpose() * weight.asDiagonal() * gaussian.free;
    const Eigen::LLT<MatrixXd> cholesky(precision);
    mean = cholesky.solve(gaussian.free.transpose() * weight.asDiagonal() * gaussian.target);
    const VectorXd off = gaussian.free * mean - gaussian.target;
    minus_twice_log = 2 * MatrixXd(cholesky.matrixL()).diagonal().array().log().sum() +
                      off.dot(weight.asDiagonal() * off) + t * gaussian.residual;
  }
};

}  // namespace

TEST_CASE(
    "mean and covariance of the coefficients are those of the dense Gaussian, whatever the weight of the likelihood") {
  const PrecisionFrame frame(make_rows());
  for (const double x : {-2.0, 0.0, 0.7, 5.0}) {
    PrecisionFrame::Conditional at;
    frame.condition(x, frame.reference_pulls(), at);
    const Dense dense(make_rows(), std::exp(-2 * x));
    CHECK((frame.centre() + frame.directions() * at.mean.matrix() - dense.mean).norm() < 1e-12);
    const MatrixXd root = frame.directions() * at.inverse_root_precision.matrix().asDiagonal();
    CHECK((root * root.transpose() * dense.precision - MatrixXd::Identity(free_size, free_size)).norm() < 1e-11);
  }
}

TEST_CASE("what is left after integration, and its slope, are those of the dense Gaussian") {
  const PrecisionFrame frame(make_rows());
  const auto minus_twice_log = [&](double x) {
    const double t = std::exp(-2 * x);
    const auto parts = frame.integrate(t, frame.reference_pulls());
    return parts.log_precision + parts.misfit + t * frame.reference_pulls().residual;
  };
  const double constant = Dense(make_rows(), 1).minus_twice_log - minus_twice_log(0);
  for (const double x : {-1.0, 0.4, 3.0}) {
    const double t = std::exp(-2 * x);
    CHECK(minus_twice_log(x) + constant == doctest::Approx(Dense(make_rows(), t).minus_twice_log).epsilon(1e-12));
    const double slope = -0.5 * (minus_twice_log(x + 1e-5) - minus_twice_log(x - 1e-5)) / 2e-5;
    CHECK(frame.integrate(t, frame.reference_pulls()).slope + t * frame.reference_pulls().residual ==
          doctest::Approx(slope).epsilon(1e-8));
    CHECK(frame.half_log_precision(x) ==
          doctest::Approx(0.5 * frame.integrate(t, frame.reference_pulls()).log_precision).epsilon(1e-13));
  }
}

TEST_CASE("held coefficients move the pulls as a frame built at their values has them") {
  const PrecisionFrame frame(make_rows());
  PrecisionFrame::Pulls pulls = frame.reference_pulls();
  const auto density = [&](const VectorXd& held, double x) {
    pulls.distance = held;
    frame.update(pulls);
    const double t = std::exp(-2 * x);
    const auto parts = frame.integrate(t, pulls);
    return -0.5 * (parts.log_precision + parts.misfit + t * pulls.residual);
  };
  const VectorXd held{{0.3, -1.2}};
  for (const double x : {-0.5, 1.0}) {
    const double t = std::exp(-2 * x);
    const double shift = -0.5 * (Dense(make_rows(held), t).minus_twice_log - Dense(make_rows(), t).minus_twice_log);
    CHECK(density(held, x) - density(VectorXd::Zero(held_size), x) == doctest::Approx(shift).epsilon(1e-11));
    VectorXd gradient = VectorXd::Zero(held_size);
    density(held, x);
    frame.add_held_gradient(x, pulls, gradient);
    for (Index b = 0; b < held_size; ++b) {
      VectorXd above = held, below = held;
      above(b) += 1e-5;
      below(b) -= 1e-5;
      CHECK(gradient(b) == doctest::Approx((density(above, x) - density(below, x)) / 2e-5).epsilon(1e-8));
    }
    // A frame that ignored them would be found out.
    CHECK(std::abs(shift) > 0.1);
  }
}

TEST_CASE("a combination that nothing determines has no posterior") {
  GaussianRows gaussian = make_rows();
  gaussian.free.col(1) = 2 * gaussian.free.col(3);
  CHECK_THROWS_AS(PrecisionFrame{gaussian}, filbert::ImproperPosterior);
}

TEST_CASE("the frame of no coefficients is empty") {
  const PrecisionFrame frame;
  CHECK(frame.free() == 0);
  CHECK(frame.half_log_precision(1) == 0);
}
