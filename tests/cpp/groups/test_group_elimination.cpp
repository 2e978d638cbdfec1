// Integrating effects out gives the dense normal density, its slopes are differences, and drawing them back is exact.
#include "filbert/groups/group_elimination.hpp"

#include <doctest/doctest.h>

#include <Eigen/LU>
#include <algorithm>
#include <cmath>
#include <numbers>

#include "mixed_models.hpp"

using filbert::GroupElimination;
using namespace mixed_models;

namespace {

VectorXd random(Index size, std::uint64_t seed) {
  filbert::Rng rng(seed, 5);
  VectorXd values(size);
  for (double& value : values) value = rng.normal();
  return values;
}

/// The columns as they were given: [1 X y], and Z in units of its own.
filbert::PosteriorColumns columns_of(const filbert::GroupedSummary& summary, double unit) {
  filbert::PosteriorColumns columns;
  columns.of_w = summary.to_given_columns();
  for (Index f = 0; f < summary.structure().factors(); ++f) {
    columns.effect_unit.push_back(VectorXd::Constant(summary.structure().effects(f), unit));
  }
  return columns;
}

double log_likelihood_by_elimination(GroupElimination& elimination, const std::vector<MatrixXd>& factors, double sigma,
                                     const VectorXd& coefficients) {
  VectorXd v(coefficients.size() + 1);
  v << coefficients, -1;
  MatrixXd K(v.size(), v.size());
  const double log_determinant = elimination.forward(factors, sigma, K);
  return -0.5 * (v.dot(K * v) + log_determinant + elimination.total_weight() * std::log(2 * std::numbers::pi));
}

/// All effects as one vector, factor after factor and group after group, as in `dense`.
VectorXd stacked(const std::vector<MatrixXd>& effects) {
  Index size = 0;
  for (const MatrixXd& one : effects) size += one.size();
  VectorXd result(size);
  Index at = 0;
  for (const MatrixXd& one : effects) {
    result.segment(at, one.size()) = one.transpose().reshaped();
    at += one.size();
  }
  return result;
}

}  // namespace

namespace {

/// Every structure, and crossed factors whose tail is large enough for the kernels: with one effect a level, and with two.
std::vector<Data> with_large_components() {
  std::vector<Data> result = every_structure();
  result.push_back(make_data({.n = 420, .n_groups = {90, 80}, .terms = {{0, 1}, {1, 1}}}, 21));
  result.push_back(make_data({.n = 420, .n_groups = {60, 55}, .terms = {{0, 3}, {1, 2}}}, 22));
  return result;
}

}  // namespace

TEST_CASE("the likelihood without effects is the dense normal one, for every structure and at deviations of zero") {
  std::uint64_t seed = 0;
  for (const Data& data : with_large_components()) {
    CAPTURE(seed);
    const filbert::GroupedSummary summary = data.summary();
    GroupElimination elimination(summary, columns_of(summary, 1));
    GroupElimination other_units(summary, columns_of(summary, 4));
    std::vector<MatrixXd> factors = make_factors(data.structure, ++seed);
    const VectorXd coefficients = random(data.X.cols() + 1, seed);
    for (const double sigma : {0.7, 1e-2, 30.0}) {
      for (const double size : {1.0, 0.0, 1e2}) {
        std::vector<MatrixXd> sized = factors;
        for (MatrixXd& factor : sized) factor *= size;
        const double expected = log_likelihood(data, sized, sigma, coefficients);
        CHECK(log_likelihood_by_elimination(elimination, sized, sigma, coefficients) ==
              doctest::Approx(expected).epsilon(1e-9));
        for (MatrixXd& factor : sized) factor *= 4;
        CHECK(log_likelihood_by_elimination(other_units, sized, sigma, coefficients) ==
              doctest::Approx(expected).epsilon(1e-9));
      }
    }
  }
}

TEST_CASE("one row too many, or 2 % of a log determinant, would be noticed") {
  const Data data = make_data({}, 1);
  const filbert::GroupedSummary summary = data.summary();
  GroupElimination elimination(summary, columns_of(summary, 1));
  const std::vector<MatrixXd> factors = make_factors(data.structure, 1);
  MatrixXd K(4, 4);
  const double log_determinant = elimination.forward(factors, 0.7, K);
  const double expected = log_likelihood(data, factors, 0.7, random(3, 1));
  CHECK(std::abs(0.01 * log_determinant) > 1e-6 * std::abs(expected));
  CHECK(std::abs(std::log(0.7)) > 1e-6 * std::abs(expected));
}

TEST_CASE("slopes are those of differences, for every structure") {
  std::uint64_t seed = 50;
  for (const Data& data : with_large_components()) {
    const filbert::GroupedSummary summary = data.summary();
    GroupElimination elimination(summary, columns_of(summary, 1));
    std::vector<MatrixXd> factors = make_factors(data.structure, ++seed);
    if (seed % 3 == 0) factors[0].setZero();
    const Index width = elimination.width();
    MatrixXd K_slopes = random(width * width, seed).reshaped(width, width);
    K_slopes = (K_slopes + K_slopes.transpose()).eval();
    const double log_det_slope = -0.4;
    MatrixXd K(width, width);
    const auto value = [&](const std::vector<MatrixXd>& at, double log_sigma) {
      const double log_determinant = elimination.forward(at, std::exp(log_sigma), K);
      return K_slopes.cwiseProduct(K).sum() + log_det_slope * log_determinant;
    };
    const double log_sigma = 0.2;
    value(factors, log_sigma);
    std::vector<MatrixXd> slopes = factors;
    const double sigma_slope = elimination.backward(factors, std::exp(log_sigma), K_slopes, log_det_slope, slopes);
    const double scale = K_slopes.cwiseProduct(K).cwiseAbs().sum();
    const auto check = [&](double slope, double above, double below) {
      CHECK(std::abs(slope - (above - below) / 2e-5) < 1e-8 * scale);
    };
    check(sigma_slope, value(factors, log_sigma + 1e-5), value(factors, log_sigma - 1e-5));
    for (std::size_t f = 0; f < factors.size(); ++f) {
      for (Index i = 0; i < factors[f].rows(); ++i) {
        for (Index j = 0; j <= i; ++j) {
          std::vector<MatrixXd> above = factors, below = factors;
          above[f](i, j) += 1e-5;
          below[f](i, j) -= 1e-5;
          check(slopes[f](i, j), value(above, log_sigma), value(below, log_sigma));
        }
      }
    }
  }
}

TEST_CASE("groups of equal design merge into few blocks") {
  Data data = make_data({.n = 300, .p = 2, .n_groups = {50}, .terms = {{0, 2}}}, 3);
  for (Index i = 0; i < 300; ++i) {
    data.codes[0](i) = i % 50;
    data.X(i, 0) = static_cast<double>(i / 50);
    data.Z[0](i, 1) = data.X(i, 0);
  }
  const filbert::GroupedSummary summary = data.summary();
  const filbert::KeptRows rows(summary, columns_of(summary, 1));
  CHECK(filbert::BlockElimination(rows).blocks() == 8);  // two effects times four columns
  GroupElimination elimination(summary, columns_of(summary, 1));
  const std::vector<MatrixXd> factors = make_factors(data.structure, 2);
  const VectorXd coefficients = random(3, 4);
  CHECK(log_likelihood_by_elimination(elimination, factors, 0.9, coefficients) ==
        doctest::Approx(log_likelihood(data, factors, 0.9, coefficients)).epsilon(1e-11));
}

TEST_CASE("effects are drawn from what they are given the rows, and half a covariance would be noticed") {
  constexpr int draws = 20000;
  std::uint64_t seed = 70;
  for (const Data& data : with_large_components()) {
    if (data.weights.minCoeff() == 1) continue;  // weighted ones are enough here
    const filbert::GroupedSummary summary = data.summary();
    GroupElimination elimination(summary, columns_of(summary, 1));
    const std::vector<MatrixXd> factors = make_factors(data.structure, ++seed);
    const double sigma = 0.8;
    const VectorXd coefficients = random(data.X.cols() + 1, seed);
    VectorXd v(coefficients.size() + 1);
    v << coefficients, -1;

    const Dense full = dense(data, factors);
    const Marginal rows = marginal(data, factors, sigma);
    const VectorXd residual = data.y - data.offset - data.X * coefficients.tail(data.X.cols()) -
                              VectorXd::Constant(data.y.size(), coefficients(0));
    const MatrixXd gain =
        full.covariance * full.Z(rows.counted, Eigen::all).transpose() * rows.covariance.inverse().cast<double>();
    const VectorXd mean = gain * residual(rows.counted);
    const MatrixXd covariance = full.covariance - gain * full.Z(rows.counted, Eigen::all) * full.covariance;

    MatrixXd K(v.size(), v.size());
    elimination.forward(factors, sigma, K);
    std::vector<MatrixXd> effects;
    for (Index f = 0; f < data.structure.factors(); ++f) {
      effects.emplace_back(data.structure.groups(f), data.structure.effects(f));
    }
    filbert::Rng rng(seed, 0);
    VectorXd sum = VectorXd::Zero(mean.size());
    MatrixXd squares = MatrixXd::Zero(mean.size(), mean.size());
    for (int k = 0; k < draws; ++k) {
      elimination.draw(factors, sigma, v, rng, effects);
      const VectorXd distance = stacked(effects) - mean;
      sum += distance;
      squares += distance * distance.transpose();
    }
    const VectorXd deviation = covariance.diagonal().cwiseSqrt();
    const double root = std::sqrt(static_cast<double>(draws));
    CHECK((sum / root).cwiseQuotient(deviation).cwiseAbs().maxCoeff() < 4.5);
    MatrixXd spread(mean.size(), mean.size());  // of each product, per draw
    for (Index i = 0; i < mean.size(); ++i) {
      for (Index j = 0; j < mean.size(); ++j) {
        spread(i, j) = std::sqrt(covariance(i, i) * covariance(j, j) + covariance(i, j) * covariance(i, j));
      }
    }
    const auto largest_error = [&](const MatrixXd& of) {
      return ((squares / draws - of).cwiseQuotient(spread) * root).cwiseAbs().maxCoeff();
    };
    CHECK(largest_error(covariance) < 5);
    CHECK(largest_error(0.95 * covariance) > 5);
  }
}

TEST_CASE("a gradient allocates nothing") {
  for (const Data& data : with_large_components()) {
    const filbert::GroupedSummary summary = data.summary();
    GroupElimination elimination(summary, columns_of(summary, 1));
    const std::vector<MatrixXd> factors = make_factors(data.structure, 5);
    std::vector<MatrixXd> slopes = factors;
    MatrixXd K(elimination.width(), elimination.width());
    const MatrixXd K_slopes = MatrixXd::Identity(elimination.width(), elimination.width());
    Eigen::internal::set_is_malloc_allowed(false);
    elimination.forward(factors, 0.8, K);
    elimination.backward(factors, 0.8, K_slopes, -0.5, slopes);
    Eigen::internal::set_is_malloc_allowed(true);
  }
}
