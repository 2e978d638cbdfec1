// The coefficients of a factor's levels as effects: the marginal density is the dense normal one, and draws are its.
#include <doctest/doctest.h>

#include <Eigen/Cholesky>
#include <Eigen/LU>
#include <cmath>
#include <numbers>

#include "filbert/groups/framed_grouped_gaussian.hpp"
#include "filbert/groups/grouped_gaussian.hpp"
#include "filbert/sampler/rng.hpp"

using Eigen::Index;
using Eigen::MatrixXd;
using Eigen::VectorXd;
using filbert::GroupedGaussian;
using filbert::GroupedModel;
using filbert::InterceptPrior;
using filbert::Prior;

namespace {

constexpr Index n = 45, n_levels = 6;

/// A regression of a few rows with its dense columns, and the same with levels as groups.
struct Case {
  explicit Case(bool intercept, bool at_means) {
    filbert::Rng rng(11);
    Eigen::Matrix<std::int64_t, Eigen::Dynamic, 1> codes(n);
    MatrixXd X(n, 2);
    y.resize(n);
    VectorXd weights(n);
    for (Index i = 0; i < n; ++i) {
      codes(i) = i < n_levels ? i : std::min<Index>(i % 7, n_levels - 1);
      weights(i) = i % 5 == 0 ? 2.0 : 1.0;
      X(i, 0) = 5 + rng.normal();
      X(i, 1) = 0.3 * static_cast<double>(codes(i)) + rng.normal();
      y(i) = 20 + X(i, 0) - 2 * X(i, 1) + 3 * std::sin(static_cast<double>(codes(i))) + rng.normal();
    }
    filbert::GroupedSummary rows(2, {{n_levels}, {{0, 1}}});
    rows.update({X, y, {std::nullopt}, {codes}, weights});

    model.intercept = intercept;
    model.about = at_means ? InterceptPrior::AtMeans : InterceptPrior::AtZero;
    if (intercept) model.coefficient_priors.push_back(Prior::normal(3, 2));
    model.coefficient_priors.push_back(Prior::normal(0.5, 3));
    model.coefficient_priors.push_back(Prior::normal(-1, 1.5));
    model.sigma.prior = Prior::half_normal(2);
    model.terms = {{false, {{Prior::half_flat(), 1.0}}, 1}};
    const Index first = intercept ? 1 : 0, own = n_levels - first;
    model.levels = {VectorXd::LinSpaced(own, -1, 2), VectorXd::LinSpaced(own, 0.5, 4), first - 1};

    Z = MatrixXd::Zero(n, first + 2 + own);
    if (intercept) Z.col(0).setOnes();
    Z.middleCols(first, 2) = X;
    for (Index i = 0; i < n; ++i) {
      if (codes(i) >= first) Z(i, first + 2 + codes(i) - first) = 1;
    }
    prior_mean.resize(Z.cols());
    prior_mean << VectorXd::Constant(first, 3), 0.5, -1, model.levels->mean;
    VectorXd deviation(Z.cols());
    deviation << VectorXd::Constant(first, 2), 3, 1.5, model.levels->deviation;
    MatrixXd to_zero = MatrixXd::Identity(Z.cols(), Z.cols());  // from the intercept at the means
    if (intercept && at_means) {
      to_zero.row(0).tail(Z.cols() - 1) = -(weights.transpose() * Z.rightCols(Z.cols() - 1)) / weights.sum();
    }
    prior_mean = to_zero * prior_mean;
    prior_covariance = to_zero * deviation.cwiseAbs2().asDiagonal() * to_zero.transpose();
    precision = weights;
    summary = rows;
  }

  double dense_log_density(double sigma) const {
    const VectorXd variance = sigma * sigma * precision.cwiseInverse();
    MatrixXd covariance = Z * prior_covariance * Z.transpose();
    covariance.diagonal() += variance;
    const Eigen::LLT<MatrixXd> cholesky(covariance);
    const VectorXd off = cholesky.matrixL().solve(y - Z * prior_mean);
    // A row of weight w counts as w rows, and not as one with w times the precision.
    const double surplus = 0.5 * precision.array().log().sum() +
                           (precision.sum() - n) * (std::log(sigma) + 0.5 * std::log(2 * std::numbers::pi));
    return -0.5 * off.squaredNorm() - cholesky.matrixLLT().diagonal().array().log().sum() -
           0.5 * n * std::log(2 * std::numbers::pi) - surplus + model.sigma.prior(sigma).value + std::log(sigma);
  }

  GroupedModel model;
  filbert::GroupedSummary summary{2, {{n_levels}, {{0, 1}}}};
  MatrixXd Z, prior_covariance;
  VectorXd y, prior_mean, precision;
};

/// Covariance of the coefficients given σ.
MatrixXd posterior_covariance(const Case& of, double sigma) {
  return (of.Z.transpose() * of.precision.asDiagonal() * of.Z / (sigma * sigma) + of.prior_covariance.inverse())
      .inverse();
}

}  // namespace

TEST_CASE("with levels the density of sigma is that of the dense columns, and its slope is right") {
  for (const bool intercept : {true, false}) {
    for (const bool at_means : {true, false}) {
      const Case of(intercept, at_means);
      GroupedGaussian posterior(of.summary, of.model);
      REQUIRE(posterior.dimension() == 1);
      VectorXd gradient(1);
      for (const double sigma : {0.4, 1.0, 3.0}) {
        const VectorXd at = posterior.position(VectorXd::Constant(1, sigma));
        CHECK(posterior(at, gradient) == doctest::Approx(of.dense_log_density(sigma)).epsilon(1e-10));
        const double step = 1e-5;
        const double slope = (posterior.value(at.array() + step) - posterior.value(at.array() - step)) / (2 * step);
        CHECK(gradient(0) == doctest::Approx(slope).epsilon(1e-6));
      }
    }
  }
}

TEST_CASE("draws of all coefficients given sigma have the mean and covariance of the dense posterior") {
  for (const bool intercept : {true, false}) {
    Case of(intercept, true);
    of.model.sigma = {Prior::half_flat(), 1.3};
    const GroupedGaussian posterior(of.summary, of.model);
    CHECK(posterior.parameters() + posterior.effects() == of.Z.cols());  // no deviation, no level of reference
    filbert::FramedGroupedGaussian framed(posterior, {true, 5});
    const Index draws = 20000;
    filbert::Rng rng(3);
    MatrixXd u(1, draws), x(framed.variables(), draws);
    for (double& value : u.reshaped()) value = rng.normal();
    framed.to_user_scale(u, x);
    const MatrixXd covariance = posterior_covariance(of, 1.3);
    const VectorXd pull = of.Z.transpose() * of.precision.asDiagonal() * of.y / (1.3 * 1.3) +
                          of.prior_covariance.ldlt().solve(of.prior_mean);
    const VectorXd scale = covariance.diagonal().cwiseSqrt();
    const VectorXd off = (x.rowwise().mean() - covariance * pull).cwiseQuotient(scale) * std::sqrt(double(draws));
    CHECK(off.cwiseAbs().maxCoeff() < 4.5);
    const MatrixXd centred = scale.cwiseInverse().asDiagonal() * (x.colwise() - x.rowwise().mean());
    const MatrixXd expected = scale.cwiseInverse().asDiagonal() * covariance * scale.cwiseInverse().asDiagonal();
    const double allowed = 4.5 * std::sqrt(2.0 / double(draws));
    const MatrixXd found = centred * centred.transpose() / double(draws);
    CHECK((found - expected).cwiseAbs().maxCoeff() < allowed);
    if (!intercept) continue;
    // The intercept's prior, taken to be where every predictor is 0, gives another posterior.
    of.model.about = InterceptPrior::AtZero;
    filbert::FramedGroupedGaussian other(GroupedGaussian(of.summary, of.model), {true, 5});
    other.to_user_scale(u, x);
    CHECK((((x.rowwise().mean() - covariance * pull).cwiseQuotient(scale)) * std::sqrt(double(draws)))
              .cwiseAbs()
              .maxCoeff() > 20);
  }
}

TEST_CASE("levels that are no groups of one factor, and an intercept that is not normal, are refused") {
  Case of(true, true);
  GroupedModel wrong = of.model;
  wrong.levels->deviation(2) = 0;
  CHECK_THROWS_AS(GroupedGaussian(of.summary, wrong), std::invalid_argument);
  wrong = of.model;
  wrong.levels->reference = -1;
  CHECK_THROWS_AS(GroupedGaussian(of.summary, wrong), std::invalid_argument);
  wrong = of.model;
  wrong.coefficient_priors.front() = Prior::student_t(4, 0, 2);
  CHECK_THROWS_AS(GroupedGaussian(of.summary, wrong), std::invalid_argument);
  wrong.about = InterceptPrior::AtZero;
  CHECK(GroupedGaussian(of.summary, wrong).dimension() == 2);
}
